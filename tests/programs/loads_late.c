// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executes the program given, if any, and ends; allocates nothing. It looks for its libraries in a directory "late" beside it
 * first, where a FIFO keeps its loader waiting.
 */
#include <unistd.h>

int main(int argc, char *argv[])
{
	if (argc < 2)
		return 0;
	execv(argv[1], argv + 1);
	return 1;
}
