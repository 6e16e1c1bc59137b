// SPDX-License-Identifier: GPL-2.0-only
/* maps_much GIB: as many resident pages, of one file of 16 MiB mapped again and again; says that it is ready, and waits. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES (16UL << 20)

int main(int argc, char **argv)
{
	unsigned long mappings = argc > 1 ? strtoul(argv[1], NULL, 10) * ((1UL << 30) / FILE_BYTES) : 0;
	int fd = memfd_create("much", MFD_CLOEXEC);
	char first;

	if (fd < 0 || ftruncate(fd, FILE_BYTES))
		return 1;
	for (unsigned long i = 0; i < mappings; i++) {
		const volatile char *memory = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

		if (memory == MAP_FAILED)
			return 1;
		first = memory[0];
		(void)first;
	}
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
