// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/restore.h"

#include <curses.h>
#include <term.h>

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SEQUENCE_MAX 256
#define STACK_SIZE 16384 /* of a handler, when the own one is used up */

static const int deadly[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGQUIT };

/* All that the handler uses is made before it may run, and does not change while it may. */
static struct {
	int in, out;
	volatile sig_atomic_t armed;
	struct termios modes;
	char sequence[SEQUENCE_MAX];
	size_t length;
} saved;

static char stack[STACK_SIZE];

static int append(int character)
{
	if (saved.length < sizeof(saved.sequence))
		saved.sequence[saved.length++] = (char)character;
	return character;
}

/* From colours to none, from the keypad's keys to the usual ones, the cursor seen, back to the screen of before. */
static void make_sequence(void)
{
	static const char *const names[] = { "sgr0", "op", "rmkx", "cnorm", "rmcup" };

	saved.length = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = tigetstr(names[i]);

		if (text && text != (char *)-1)
			tputs(text, 1, append);
	}
}

/* Output that a Ctrl-S has stopped is not started by TCOON alone, but what TCOOFF has stopped is (drivers/tty/tty_io.c). */
void restore_output(int out)
{
	tcflow(out, TCOOFF);
	tcflow(out, TCOON);
}

/* tcflow(), tcsetattr() and write() are safe in a handler (signal-safety(7)). */
void restore_now(void)
{
	if (!saved.armed)
		return;
	saved.armed = 0;
	restore_output(saved.out);
	if (write(saved.out, saved.sequence, saved.length) < 0)
		saved.length = 0; /* there is nothing to be done about it */
	tcsetattr(saved.in, TCSANOW, &saved.modes);
}

/* Then the signal, by default (SA_RESETHAND), has its way. */
static void restore_and_die(int number)
{
	restore_now();
	raise(number);
}

void restore_remember(int in, int out)
{
	static bool at_exit;
	struct sigaction action = { .sa_handler = restore_and_die, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK | SA_NODEFER) };
	stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };

	saved.in = in;
	saved.out = out;
	if (tcgetattr(in, &saved.modes))
		return;
	make_sequence();
	saved.armed = 1;
	/* ncurses ends the program itself where it has no memory */
	if (!at_exit)
		at_exit = !atexit(restore_now);
	sigaltstack(&own, NULL);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaction(deadly[i], &action, NULL);
}

void restore_forget(void)
{
	saved.armed = 0;
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], SIG_DFL);
}
