// SPDX-License-Identifier: GPL-2.0-only
/* exec_by_thread PROGRAM [ARG…]: a thread that is not the first executes the program, and takes over the pid. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *execute(void *argv)
{
	execv(((char **)argv)[0], argv);
	exit(127);
}

int main(int argc, char *argv[])
{
	pthread_t thread;

	if (argc < 2 || pthread_create(&thread, NULL, execute, argv + 1))
		return 2;
	pthread_join(thread, NULL);
	return 1;
}
