// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/refusal.h"

#include <errno.h>
#include <string.h>

#include "user/allocator/examine.h"
#include "user/allocator/translator.h"

static int explain_nothing(int proc_fd, const struct pid_identity *id, struct error *err)
{
	struct examiner examiner = { .proc_fd = proc_fd };
	struct examined examined;
	char why[EXAMINED_WHY_MAX];

	examine_process(&examiner, id->pid, &examined);
	error_set(err, EXIT_FAILED, "nothing to probe in pid %d (%s): %s",
		  id->pid, id->comm, examined_explain_nothing(&examined, why));
	examined_free(&examined);
	examiner_close(&examiner);
	return -1;
}

int refusal_explain(int result, int proc_fd, const struct pid_identity *id, struct error *err)
{
	switch (result) {
	case -ENOENT:
		return explain_nothing(proc_fd, id, err);
	case -ESRCH:
		if (pid_is_alive(proc_fd, id))
			return error_set(err, EXIT_FAILED, "cannot probe pid %d (%s): its first thread has ended, and with it the view "
					 "of what it maps; only what is read from outside is shown (`--source heap`)", id->pid, id->comm);
		return error_set(err, EXIT_TARGET, "pid %d (%s) has exited", id->pid, id->comm);
	case -EACCES:
	case -EPERM:
		return error_set(err, EXIT_HOST, "not permitted to look into pid %d (%s): run as root, or with CAP_SYS_PTRACE and "
				 "CAP_CHECKPOINT_RESTORE",
				 id->pid, id->comm);
	case IS_TRANSLATOR:
		return error_set(err, EXIT_FAILED, "nothing is probed in pid %d (%s): it translates the code that it runs (valgrind, qemu), "
				 "and a probe would end that program", id->pid, id->comm);
	case TRANSLATOR_MAPS_IT:
		return error_set(err, EXIT_FAILED, "nothing is probed in pid %d (%s): a translator (valgrind, qemu) maps the same library",
				 id->pid, id->comm);
	case -EMFILE:
	case -ENFILE:
		error_is_out_of_fds(-result, err);
		return -1;
	default:
		return error_set(err, EXIT_HOST, "cannot probe pid %d (%s): %s; MEMGAP_DEBUG=1 shows where", id->pid, id->comm,
				 strerror(-result));
	}
}

bool refusal_is_mild(int result)
{
	return result == -ENOENT || result == IS_TRANSLATOR || result == TRANSLATOR_MAPS_IT;
}

int refusal_explain_program(const char *path, struct error *err)
{
	struct examined examined;
	char why[EXAMINED_WHY_MAX];

	examine_program(path, &examined);
	return error_set(err, EXIT_FAILED, "nothing to probe in %s: %s", path,
			 examined_explain_nothing(&examined, why));
}
