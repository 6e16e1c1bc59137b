// SPDX-License-Identifier: GPL-2.0-only
#include "tests/exercise/ledger.h"

#include <string.h>
#include <unistd.h>

static const struct action *const lists[] = { block_actions, other_family_actions, thread_actions, crowd_actions, loss_actions,
					      address_space_actions, process_actions };

static void run(const char *name, char *argv[])
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct action *action = lists[i]; action->name; action++) {
			if (strcmp(action->name, name))
				continue;
			action->run();
			answer();
			return;
		}
	}
	if (!process_act(name, argv))
		_exit(3);
}

int main(int argc, char *argv[])
{
	char line[64];
	size_t length = 0;

	(void)argc;
	say("ready\n");
	while (length < sizeof(line) && read(STDIN_FILENO, &line[length], 1) == 1) {
		if (line[length++] != '\n')
			continue;
		line[length - 1] = '\0';
		length = 0;
		run(line, argv);
	}
	return 0;
}
