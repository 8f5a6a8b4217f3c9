/**
 * @file
 * Literal scanner by Vectorscan, or Hyperscan, whose interface is the same.
 *
 * A literal is reported at every place where it ends. Asking for one report only
 * (HS_FLAG_SINGLEMATCH) would hide the others but not save the work for them, which can be a
 * thousand times that of a usual scan: a hundred literals of the letter a over a text of it. So
 * they are counted, and a scan that finds too much is given up.
 */
#include <hs.h>

#include <limits.h>
#include <stdlib.h>

#include "analyzers/pattern/literal_scanner.h"
#include "analyzers/pattern/literal_set.h"
#include "core/base/cleanup.h"

struct hc_literal_scanner {
	hs_database_t *database;
};

struct hc_scanner_scratch {
	hs_scratch_t *scratch;
};

#define STRING(x) #x
#define VERSION(major, minor, patch) "libhs " STRING(major) "." STRING(minor) "." STRING(patch)

const char *hc_literal_scanner_version(void)
{
	if (hs_valid_platform() != HS_SUCCESS)
		return NULL;
	return VERSION(HS_MAJOR, HS_MINOR, HS_PATCH);
}

void hc_literal_scanner_destroy(struct hc_literal_scanner *scanner)
{
	if (!scanner)
		return;
	hs_free_database(scanner->database);
	free(scanner);
}

/** The literals in the form in which hs_compile_lit_multi() takes them: as columns. */
struct columns {
	const char **texts;
	unsigned *flags, *ids;
	size_t *sizes;
};

static void columns_deinit(struct columns *columns)
{
	free(columns->texts);
	free(columns->flags);
	free(columns->ids);
	free(columns->sizes);
}

static struct hc_error *columns_init(struct columns *columns,
				     const struct hc_scanned_literal *literals, size_t num)
{
	columns->texts = calloc(num, sizeof(*columns->texts));
	columns->flags = calloc(num, sizeof(*columns->flags));
	columns->ids = calloc(num, sizeof(*columns->ids));
	columns->sizes = calloc(num, sizeof(*columns->sizes));
	if (!columns->texts || !columns->flags || !columns->ids || !columns->sizes)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++) {
		columns->texts[i] = (const char *)literals[i].literal->bytes;
		columns->sizes[i] = literals[i].literal->size;
		columns->flags[i] = literals[i].ignore_case ? HS_FLAG_CASELESS : 0;
		columns->ids[i] = i;
	}
	return NULL;
}

struct hc_error *hc_literal_scanner_create(const struct hc_scanned_literal *literals, size_t num,
					   struct hc_literal_scanner **ret)
{
	hc_cleanup(columns_deinit) struct columns columns = {0};
	hc_cleanup_free struct hc_literal_scanner *scanner = NULL;
	hs_compile_error_t *refused = NULL;
	struct hc_error *err;

	*ret = NULL;
	if (!num || num > UINT_MAX || hs_valid_platform() != HS_SUCCESS)
		return NULL;
	scanner = calloc(1, sizeof(*scanner));
	err = scanner ? columns_init(&columns, literals, num) : &hc_enomem;
	if (err)
		return err;
	/* Whatever it has against them, memory included, others can look for them. */
	if (hs_compile_lit_multi(columns.texts, columns.flags, columns.ids, columns.sizes, num,
				 HS_MODE_BLOCK, NULL, &scanner->database, &refused) != HS_SUCCESS) {
		hs_free_compile_error(refused);
		return NULL;
	}
	*ret = hc_steal(scanner);
	return NULL;
}

void hc_scanner_scratch_destroy(struct hc_scanner_scratch *scratch)
{
	if (!scratch)
		return;
	hs_free_scratch(scratch->scratch);
	free(scratch);
}

struct hc_error *hc_scanner_scratch_create(const struct hc_literal_scanner *scanner,
					   struct hc_scanner_scratch **ret)
{
	struct hc_scanner_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch || hs_alloc_scratch(scanner->database, &scratch->scratch) != HS_SUCCESS) {
		free(scratch);
		return &hc_enomem;
	}
	*ret = scratch;
	return NULL;
}

/** Reports that a scan may have: one in so many bytes, and some. */
#define BYTES_PER_REPORT 8
#define MIN_REPORTS 64

struct reports {
	uint64_t *found;
	size_t left;
};

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *ctx)
{
	struct reports *reports = ctx;

	(void)from;
	(void)to;
	(void)flags;
	reports->found[id / 64] |= UINT64_C(1) << id % 64;
	return !reports->left--; /* not 0 ends the scan */
}

bool hc_literal_scanner_run(const struct hc_literal_scanner *scanner,
			    struct hc_scanner_scratch *scratch, struct hc_bytes bytes,
			    uint64_t *found)
{
	struct reports reports = {found, MIN_REPORTS + bytes.size / BYTES_PER_REPORT};

	return bytes.size <= UINT_MAX &&
	       hs_scan(scanner->database, (const char *)bytes.data, bytes.size, 0, scratch->scratch,
		       on_match, &reports) == HS_SUCCESS;
}
