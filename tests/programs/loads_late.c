// SPDX-License-Identifier: GPL-2.0-only
/* Executes itself, and then ends. Its second loading looks for libraries in the directory given first. Nothing is allocated. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	char variable[4096];
	char *environment[] = { variable, NULL };

	if (argc < 2)
		return 0;
	snprintf(variable, sizeof(variable), "LD_LIBRARY_PATH=%s", argv[1]);
	execle(argv[0], argv[0], (char *)NULL, environment);
	return 1;
}
