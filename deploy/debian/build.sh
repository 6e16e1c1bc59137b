#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh VERSION DIRECTORY: a Debian package of what `make install` installs, DIRECTORY/memgap_….deb, and nothing else left there.
# The service is installed and not enabled: what is to be watched, somebody decides.
set -euo pipefail

# Debian's policy: a version begins with a digit; "-" would begin a revision.
debian_version() { # as git describe has it
	local version=${1#v}
	if [[ $version =~ ^[0-9]+\. ]]; then
		echo "${version//-/+}"
	else
		echo "$(<VERSION)+git.${version//-/.}"
	fi
}

strip_all() {
	strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/memgap" "$root/$libraries/libmemgap-trim.so"
	strip --strip-debug "$root/$libraries/libmemgap-trim.a"
	chmod 644 "$root/$libraries/libmemgap-trim.so"
}

# What dpkg-shlibdeps finds, which wants a source package around it.
depends() {
	mkdir -p "$directory/source/debian"
	printf 'Source: memgap\n\nPackage: memgap\nArchitecture: any\n' >"$directory/source/debian/control"
	(cd "$directory/source" && dpkg-shlibdeps --warnings=0 -O -e"$root/usr/bin/memgap" -e"$root/$libraries/libmemgap-trim.so") | sed -n 's/^shlibs:Depends=//p'
}

write_documents() {
	local documents=$root/usr/share/doc/memgap
	install -D -m 644 deploy/debian/copyright "$documents/copyright"
	install -D -m 644 deploy/debian/lintian-overrides "$root/usr/share/lintian/overrides/memgap"
	install -m 644 deploy/README.md "$documents/deploy.md"
	mkdir -p "$documents/examples"
	cp -r deploy/prometheus deploy/grafana deploy/kubernetes deploy/seccomp deploy/compose.yaml "$documents/examples/"
	printf 'memgap (%s) unstable; urgency=medium\n\n  * As of this version of the source.\n\n -- %s  %s\n' \
		"$version" "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$documents/changelog.gz"
	gzip -9n "$root/usr/share/man/man1/memgap.1"
	chmod -R u=rwX,go=rX "$root"
}

write_control() {
	local size
	size=$(du -k -s --apparent-size "$root" | cut -f1)
	mkdir -m 755 "$root/DEBIAN"
	sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" -e "s/@SIZE@/$size/" -e "s/@MAINTAINER@/$maintainer/" -e "s/@DEPENDS@/$1/" \
		deploy/debian/control.in >"$root/DEBIAN/control"
	printf 'activate-noawait ldconfig\n' >"$root/DEBIAN/triggers"
	(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
	chmod 644 "$root"/DEBIAN/*
}

[ $# -eq 2 ] || {
	echo "usage: build.sh VERSION DIRECTORY" >&2
	exit 2
}
version=$(debian_version "$1")
rm -rf "$2"
mkdir -p "$2"
directory=$(readlink -f "$2")
root=$directory/root
maintainer="${DEBFULLNAME:-memgap developers} <${DEBEMAIL:-memgap@localhost.localdomain}>"
libraries=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
# it goes to a root of its own, whoever builds
umask 022

said=$(make --no-print-directory install DESTDIR="$root" PREFIX=/usr LIBDIR="/$libraries" DEBIAN=1) || { echo "$said" >&2; exit 1; }
strip_all
write_documents
write_control "$(depends)"
dpkg-deb --root-owner-group -Zxz --build "$root" "$directory" >/dev/null
rm -rf "$root" "$directory/source"
echo "$directory"/*.deb
