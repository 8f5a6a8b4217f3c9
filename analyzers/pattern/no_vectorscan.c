/**
 * @file
 * Literal scanner of a build without Vectorscan: there is none.
 */
#include "analyzers/pattern/literal_scanner.h"
#include "analyzers/pattern/literal_set.h"

const char *hc_literal_scanner_version(void)
{
	return NULL;
}

struct hc_error *hc_literal_scanner_create(const struct hc_scanned_literal *literals, size_t num,
					   struct hc_literal_scanner **ret)
{
	(void)literals;
	(void)num;
	*ret = NULL;
	return NULL;
}

void hc_literal_scanner_destroy(struct hc_literal_scanner *scanner)
{
	(void)scanner;
}

struct hc_error *hc_scanner_scratch_create(const struct hc_literal_scanner *scanner,
					   struct hc_scanner_scratch **ret)
{
	(void)scanner;
	*ret = NULL;
	return NULL;
}

void hc_scanner_scratch_destroy(struct hc_scanner_scratch *scratch)
{
	(void)scratch;
}

bool hc_literal_scanner_run(const struct hc_literal_scanner *scanner,
			    struct hc_scanner_scratch *scratch, struct hc_bytes bytes,
			    uint64_t *found)
{
	(void)scanner;
	(void)scratch;
	(void)bytes;
	(void)found;
	return false;
}
