// SPDX-License-Identifier: GPL-2.0-only
#include "user/page/page.h"

#include <string.h>

/* What user/page/build.sh has made; the assembler finds it from where the compiler runs. */
__asm__(".pushsection .rodata\n"
	"page_begin: .incbin \"" PAGE_FOLDER "/page.html\"\n"
	"page_end: .byte 0\n"
	"page_policy: .incbin \"" PAGE_FOLDER "/csp.txt\"\n"
	".byte 0\n"
	".popsection\n");

/* hidden: else arm64's go through the GOT, where what is no global symbol has no entry of its own */
extern const char page_begin[] __attribute__((visibility("hidden"))), page_end[] __attribute__((visibility("hidden"))),
	page_policy[] __attribute__((visibility("hidden")));

/* Where a recording stands, empty in the live page. */
static const char place[] = "<script type=\"application/json\" id=\"recording\">";

struct page_part page_html(void)
{
	return (struct page_part){ page_begin, (size_t)(page_end - page_begin) };
}

const char *page_csp(void)
{
	return page_policy;
}

/* "</script>" and "<!--" in a name would end the element, or make it something else: '<' is written as JSON lets it be. */
static void write_json(FILE *html, const char *json, size_t size)
{
	for (size_t done = 0; done < size;) {
		const char *found = memchr(json + done, '<', size - done);
		size_t plain = found ? (size_t)(found - json) - done : size - done;

		fwrite(json + done, 1, plain, html);
		if (found)
			fputs("\\u003C", html);
		done += plain + (found ? 1 : 0);
	}
}

void page_write_with(FILE *html, const char *json, size_t size)
{
	struct page_part page = page_html();
	const char *at = memmem(page.text, page.size, place, strlen(place));
	size_t before = at ? (size_t)(at - page.text) + strlen(place) : page.size;

	fwrite(page.text, 1, before, html);
	write_json(html, json, size);
	fwrite(page.text + before, 1, page.size - before, html);
}
