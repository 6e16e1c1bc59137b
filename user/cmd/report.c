// SPDX-License-Identifier: GPL-2.0-only
/* memgap report: a recording becomes an HTML file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/error.h"
#include "user/base/line_reader.h"
#include "user/base/log.h"
#include "user/cmd/command_table.h"
#include "user/cmd/report_options.h"
#include "user/output/report.h"

/* Why it ends, as "The recording …" goes on; NULL: it is whole. */
static const char *describe_end(enum line_end end)
{
	switch (end) {
	case LINES_CUT:
		return "is cut at its end";
	case LINES_DAMAGED:
		return "is damaged from somewhere on";
	default:
		return NULL;
	}
}

/* Lines of it, and those that are of no recording, or too long. */
struct line_counts {
	uint64_t all, left_out;
};

static struct line_counts count_lines(const struct report *report, const struct line_reader *reader)
{
	struct report_counts counts = report_counts(report);
	uint64_t left_out = counts.other + counts.bad + line_reader_skipped(reader);

	return (struct line_counts){ counts.kept + left_out, left_out };
}

static int take_lines(struct line_reader *reader, struct report *report, struct report_facts *facts, struct error *err)
{
	const char *line, *ends;
	struct line_counts counts;
	size_t length;

	while ((line = line_reader_next(reader, &length)))
		if (report_line(report, line, length))
			return error_set(err, EXIT_FAILED, "out of memory");
	if (line_reader_end(reader) == LINES_FAILED)
		return error_set(err, EXIT_FAILED, "cannot read %s: %s", facts->file, strerror(-line_reader_error(reader)));
	ends = describe_end(line_reader_end(reader));
	facts->cut = ends;
	facts->lost_lines = line_reader_skipped(reader);
	counts = count_lines(report, reader);
	if (counts.all == counts.left_out)
		return error_set(err, EXIT_FAILED, "%s has nothing of a recording in it%s%s: those are made by `memgap watch --record FILE`",
				 facts->file, ends ? ", and " : "", ends ? ends : "");
	if (report_is_empty(report))
		return error_set(err, EXIT_FAILED, "%s has no sample of any target in it", facts->file);
	if (ends)
		log_message("%s %s: what is there is reported", facts->file, ends);
	if (counts.left_out)
		log_message("%s: %" PRIu64 " of %" PRIu64 " lines are left out: they are not of a recording, or too long", facts->file,
			    counts.left_out, counts.all);
	return 0;
}

/* stdout, or the file; not the recording itself. */
static FILE *open_html(const char *path, int input, struct error *err)
{
	struct stat in, out;
	FILE *html;
	int fd;

	if (!path)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0 && !fstat(input, &in) && !fstat(fd, &out) && in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
		close(fd);
		error_set(err, EXIT_USAGE, "%s is the recording itself: give the HTML another name", path);
		return NULL;
	}
	html = fd >= 0 && (!ftruncate(fd, 0) || errno == EINVAL) ? fdopen(fd, "w") : NULL; /* EINVAL: no file, but a pipe */
	if (!html) {
		error_set(err, EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return html;
}

static int write_html(struct report *report, const struct report_facts *facts, const char *path, FILE *html, struct error *err)
{
	struct stat out;
	bool is_file = html != stdout && !fstat(fileno(html), &out) && S_ISREG(out.st_mode);
	int result = report_finish(report, facts, html);

	if (html != stdout && fclose(html) && !result)
		result = -errno;
	if (!result || (result == -EPIPE && html == stdout))
		return 0;
	/* what is there of it would be taken for the report */
	if (is_file)
		unlink(path);
	return error_set(err, EXIT_FAILED, "cannot write %s: %s", path ? path : "stdout", strerror(-result));
}

static const char *name_in_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int run(const struct report_options *options, int input, struct error *err)
{
	struct report_facts facts = { .file = strcmp(options->input, "-") ? options->input : "stdin" };
	struct line_reader *reader = NULL;
	struct report *report = report_begin();
	FILE *html = NULL;
	int result = -1;

	if (!report || line_reader_open(input, &reader))
		error_set(err, EXIT_FAILED, "out of memory");
	else if (!take_lines(reader, report, &facts, err))
		html = open_html(options->output, input, err);
	/* where it lies is nothing to those who are given the page */
	facts.file = name_in_path(facts.file);
	if (html)
		result = write_html(report, &facts, options->output, html, err);
	else
		report_drop(report);
	line_reader_close(reader);
	return result;
}

int cmd_report(int argc, char *argv[])
{
	struct report_options options;
	struct error err;
	int input, result;

	if (report_options_parse(argc, argv, &options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (options.help) {
		fputs(report_usage, stdout);
		return EXIT_DONE;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): where there is none the options are refused, as error_set() is -1 */
	input = strcmp(options.input, "-") ? open(options.input, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (input < 0) {
		log_message("cannot read %s: %s", options.input, strerror(errno));
		return EXIT_FAILED;
	}
	result = run(&options, input, &err);
	if (result)
		log_message("%s", err.text);
	if (input != STDIN_FILENO)
		close(input);
	return result ? (int)err.status : EXIT_DONE;
}
