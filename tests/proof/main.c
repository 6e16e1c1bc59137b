// SPDX-License-Identifier: GPL-2.0-only
/* How the program begins when a libc is linked into it, which has to start as it always does. */
#include "tests/proof/caller.h"

int main(int argc, char **argv)
{
	(void)argc;
	start((const uint64_t *)argv - 1); /* the count is before them: System V ABI, 3.4.1 */
}
