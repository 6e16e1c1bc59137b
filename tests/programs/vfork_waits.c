// SPDX-License-Identifier: GPL-2.0-only
/* For each two bytes of input a vfork child, which lives from the first to the second. */
#include <unistd.h>

int main(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		if (!vfork()) {
			if (write(STDOUT_FILENO, "child\n", 6) != 6 || read(STDIN_FILENO, &byte, 1) != 1)
				_exit(1);
			_exit(0);
		}
		if (write(STDOUT_FILENO, "parent\n", 7) != 7)
			return 1;
	}
	return 0;
}
