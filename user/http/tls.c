// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/tls.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"

#define FILE_MAX (1 << 20)

static int read_file(const char *path, char **ret, struct error *err)
{
	int result = read_whole_file_at(AT_FDCWD, path, FILE_MAX, ret);

	return result ? error_set(err, fs_is_short(result) ? EXIT_FAILED : EXIT_USAGE, "cannot read %s: %s", path, strerror(-result)) : 0;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)text, (unsigned int)strlen(text) };
}

static int cannot_set_up(int result, struct error *err)
{
	return error_set(err, EXIT_FAILED, "cannot set up TLS: %s", gnutls_strerror(result));
}

static int check_certificate(const char *text, const char *path, struct error *err)
{
	gnutls_datum_t data = datum(text);
	gnutls_certificate_credentials_t credentials;
	int result = gnutls_certificate_allocate_credentials(&credentials);

	if (result < 0)
		return cannot_set_up(result, err);
	/* how many certificates are in it */
	result = gnutls_certificate_set_x509_trust_mem(credentials, &data, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (result == GNUTLS_E_MEMORY_ERROR)
		return cannot_set_up(result, err);
	if (result < 1)
		return error_set(err, EXIT_USAGE, "%s is no certificate in PEM format", path);
	return 0;
}

static int check_pair(const struct tls_files *files, const char *certificate, const char *key, struct error *err)
{
	gnutls_datum_t certificate_data = datum(files->certificate), key_data = datum(files->key);
	gnutls_certificate_credentials_t credentials;
	int result = gnutls_certificate_allocate_credentials(&credentials);

	if (result < 0)
		return cannot_set_up(result, err);
	result = gnutls_certificate_set_x509_key_mem(credentials, &certificate_data, &key_data, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return error_set(err, EXIT_USAGE, "%s is not the key of %s", key, certificate);
	if (result == GNUTLS_E_MEMORY_ERROR)
		return cannot_set_up(result, err);
	if (result < 0)
		return error_set(err, EXIT_USAGE, "%s is no key in PEM format without a password: %s", key, gnutls_strerror(result));
	return 0;
}

int tls_files_read(const char *certificate, const char *key, struct tls_files *ret, struct error *err)
{
	struct tls_files files = { NULL, NULL };

	if (!certificate != !key)
		return error_set(err, EXIT_USAGE, "TLS needs both, --tls-cert and --tls-key");
	if (certificate && (read_file(certificate, &files.certificate, err) || read_file(key, &files.key, err) ||
			    check_certificate(files.certificate, certificate, err) || check_pair(&files, certificate, key, err))) {
		tls_files_free(&files);
		return -1;
	}
	*ret = files;
	return 0;
}

void tls_files_free(struct tls_files *files)
{
	if (files->key)
		explicit_bzero(files->key, strlen(files->key));
	free(files->certificate);
	free(files->key);
	*files = (struct tls_files){ NULL, NULL };
}
