/**
 * @file
 * A main for fuzz targets where there is no libFuzzer: runs files, and all files of folders, once
 * each.
 *
 * usage: fuzz_TARGET FILE|FOLDER...
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** An input that takes longer is a hang. Seconds; generous, for sanitizers on a busy machine. */
#define TIMEOUT 60

static unsigned num_run;

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 ||
	    fseek(file, 0, SEEK_SET)) {
		perror(path);
		exit(1);
	}
	/* Of exactly this size, so that a sanitizer sees what reads beyond. */
	uint8_t *data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, file) != (size_t)size) {
		perror(path);
		exit(1);
	}
	fclose(file);
	/* A crash says nothing about its input: say it beforehand. */
	printf("%s\n", path);
	fflush(stdout);
	alarm(TIMEOUT);
	LLVMFuzzerTestOneInput(data, size);
	alarm(0);
	free(data);
	num_run++;
}

static void run_folder(DIR *folder, const char *path)
{
	for (struct dirent *entry; (entry = readdir(folder));) {
		char name[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		run_file(name);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		if (folder) {
			run_folder(folder, argv[i]);
			closedir(folder);
		} else {
			run_file(argv[i]);
		}
	}
	if (!num_run) {
		fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
		return 1;
	}
	printf("%u inputs\n", num_run);
	return 0;
}
