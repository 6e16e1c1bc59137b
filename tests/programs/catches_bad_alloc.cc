// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks for more than there is, catches the exception, and goes on, many times over; holds some blocks at the end. Says how often it
 * was refused and what it holds, then waits for its stdin to end.
 */
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <new>

static const int ROUNDS = 100;
static int refused;
static std::size_t held;

template <class Ask> static void must_be_refused(Ask ask)
{
	try {
		ask();
	} catch (const std::bad_alloc &) {
		refused++;
	}
}

int main()
{
	const volatile std::size_t unseen = std::size_t(1) << 47; // by compilers, which warn of it
	const std::size_t huge = unseen;

	for (int i = 0; i < ROUNDS; i++) {
		must_be_refused([=] { return ::operator new(huge); });
		must_be_refused([=] { return ::operator new[](huge); });
		must_be_refused([=] { return ::operator new(huge, std::align_val_t(64)); });
		must_be_refused([=] { return ::operator new[](huge, std::align_val_t(64)); });
		refused += !::operator new(huge, std::nothrow);
		held += malloc_usable_size(::operator new(100 + std::size_t(i)));
		held += malloc_usable_size(::operator new[](5000 * std::size_t(i)));
		::operator delete(::operator new(1000, std::align_val_t(128)), std::align_val_t(128));
	}
	std::printf("%d %zu\n", refused, held);
	std::fflush(stdout);
	std::getchar();
	return 0;
}
