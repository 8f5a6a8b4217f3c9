/**
 * @file
 * What the library answers about cores, one or several at once in one process.
 *
 * usage: several_targets alone|turns|threads CORE...
 *
 * Prints the answers core by core, whatever the order in which they were asked: "alone" opens a
 * core when the one before is closed, "turns" has all open and asks each a question in turn,
 * "threads" asks each in a thread of its own.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/counts/class_count.h"
#include "analyzers/counts/histogram.h"
#include "analyzers/counts/type_count.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/target.h"

struct asked {
	const char *path;
	struct hc_target *target;
	FILE *out;
	char *text;
	size_t size;
};

static void need(struct hc_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "several_targets: %s\n", err->message);
	exit(2);
}

static void print_count(FILE *out, const char *name, struct hc_count count)
{
	fprintf(out, " %s %" PRIu64 " %" PRIu64, name, count.chunks, count.bytes);
}

static void ask_heap(const struct asked *asked)
{
	struct hc_histogram sizes;

	need(hc_histogram_run(asked->target, NULL, false, &sizes));
	for (size_t i = 0; i < sizes.num_rows; i++) {
		fprintf(asked->out, "size %" PRIu64, sizes.rows[i].min_size);
		print_count(asked->out, "in use", sizes.rows[i].in_use);
		print_count(asked->out, "free", sizes.rows[i].free);
		fputc('\n', asked->out);
	}
	hc_histogram_deinit(&sizes);
}

static void ask_reach(const struct asked *asked)
{
	const struct hc_reach_stats *reach;

	need(hc_target_reach(asked->target, &reach));
	for (unsigned i = 0; i < HC_NUM_REACH; i++)
		fprintf(asked->out, "reach %u %" PRIu64 " %" PRIu64 "\n", i, reach->kinds[i].chunks,
			reach->kinds[i].bytes);
	fprintf(asked->out, "roots %" PRIu64 " %" PRIu64 "\n", reach->root_bytes,
		reach->root_bytes_missing);
}

static void ask_leaks(const struct asked *asked)
{
	struct hc_leaks leaks;

	need(hc_leaks_run(asked->target, NULL, &leaks));
	for (size_t i = 0; i < leaks.num_groups; i++) {
		const struct hc_leak_group *group = &leaks.groups[i];
		fprintf(asked->out, "group %" PRIu64 " class %u type %u at 0x%" PRIx64,
			group->root_size, (unsigned)group->root_class, (unsigned)group->root_type,
			group->sample_root);
		print_count(asked->out, "roots", group->roots);
		print_count(asked->out, "below", group->below);
		fputc('\n', asked->out);
	}
	hc_leaks_deinit(&leaks);
}

static void ask_classes(const struct asked *asked)
{
	struct hc_class_table table;

	need(hc_classify_run(asked->target, NULL, &table));
	for (unsigned i = 0; i < HC_MAX_CLASSES; i++) {
		if (!table.classes[i].all.chunks)
			continue;
		fprintf(asked->out, "class %s at 0x%" PRIx64,
			hc_class_of(asked->target->classifier, i)->name, table.classes[i].sample);
		print_count(asked->out, "all", table.classes[i].all);
		print_count(asked->out, "leaked", table.classes[i].leaked);
		fputc('\n', asked->out);
	}
}

static void ask_types(const struct asked *asked)
{
	struct hc_type_table table;

	need(hc_types_count(asked->target, NULL, &table));
	for (size_t i = 0; i < table.num_rows; i++) {
		const struct hc_type_count *row = &table.rows[i];
		fprintf(asked->out, "type %s at 0x%" PRIx64,
			hc_type_name(asked->target->types, row->type), row->count.sample);
		print_count(asked->out, "all", row->count.all);
		print_count(asked->out, "leaked", row->count.leaked);
		fputc('\n', asked->out);
	}
	hc_type_table_deinit(&table);
}

/** In this order also the first ones show what the later ones make known, if they share it. */
static void (*const questions[])(const struct asked *) = {ask_heap,    ask_types, ask_reach,
							  ask_classes, ask_leaks, ask_heap};

#define NUM_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void begin(struct asked *asked)
{
	const struct hc_target_options options = {.process.jobs = 2};

	need(hc_target_open(asked->path, &options, NULL, &asked->target));
	asked->out = open_memstream(&asked->text, &asked->size);
}

static void end(struct asked *asked)
{
	fclose(asked->out);
	hc_target_close(asked->target);
}

static void *ask_all(void *ctx)
{
	struct asked *asked = ctx;

	begin(asked);
	for (size_t q = 0; q < NUM_QUESTIONS; q++)
		questions[q](asked);
	end(asked);
	return NULL;
}

static void ask_in_turns(struct asked *asked, int num)
{
	for (int i = 0; i < num; i++)
		begin(&asked[i]);
	for (size_t q = 0; q < NUM_QUESTIONS; q++)
		for (int i = 0; i < num; i++)
			questions[q](&asked[i]);
	for (int i = 0; i < num; i++)
		end(&asked[i]);
}

static void ask_in_threads(struct asked *asked, int num)
{
	pthread_t *threads = calloc(num, sizeof(*threads));

	for (int i = 0; i < num; i++)
		if (pthread_create(&threads[i], NULL, ask_all, &asked[i]))
			exit(2);
	for (int i = 0; i < num; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

int main(int argc, char **argv)
{
	int num = argc - 2;
	struct asked *asked = num > 0 ? calloc(num, sizeof(*asked)) : NULL;

	if (!asked)
		return 2;
	for (int i = 0; i < num; i++)
		asked[i].path = argv[i + 2];
	if (!strcmp(argv[1], "turns"))
		ask_in_turns(asked, num);
	else if (!strcmp(argv[1], "threads"))
		ask_in_threads(asked, num);
	else
		for (int i = 0; i < num; i++)
			ask_all(&asked[i]);
	for (int i = 0; i < num; i++) {
		fwrite(asked[i].text, 1, asked[i].size, stdout);
		free(asked[i].text);
	}
	free(asked);
	return 0;
}
