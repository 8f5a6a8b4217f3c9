/**
 * @file
 * The words of a selection: what --state, --size, --class… take, read into a selection.
 *
 * Parsing never prints; a bad value is an error with @ref HC_ERROR_ARGUMENT whose message names the
 * option and what it takes. Texts that a selection keeps (names of classes and types) must outlive
 * it.
 */
#ifndef HC_CMD_SELECT_OPTIONS_H
#define HC_CMD_SELECT_OPTIONS_H

#include "analyzers/select/selection.h"
#include "cmd/options.h"

/** What --state takes: in-use, the allocators' lists, top, overhead. @return NULL behind the last
 */
const char *hc_select_state_word(unsigned i);
/** What --reach takes. @return NULL behind the last */
const char *hc_select_reach_word(unsigned i);

/** A comma-separated list of states. Replaces the default. */
struct hc_error *hc_select_states(struct hc_selection *selection, const char *text);
/** Comma-separated names of hc_reach. */
struct hc_error *hc_select_reach(struct hc_selection *selection, const char *text);
/** "MIN", "MIN-", "MIN-MAX", "-MAX"; numbers as hc_parse_bytes() takes them. "MIN" alone is exact.
 */
struct hc_error *hc_select_size(struct hc_selection *selection, const char *text);
struct hc_error *hc_select_request(struct hc_selection *selection, const char *text);
/** "0", "1", … or "mmap". */
struct hc_error *hc_select_arena(struct hc_selection *selection, const char *text);
/**
 * "START" (the chunk that holds it) or "START-END" (user addresses, END exclusive), hexadecimal.
 */
struct hc_error *hc_select_address(struct hc_selection *selection, const char *text);
/**
 * The name of a class; may be given several times. Whether there is such a class is known at
 * hc_selection_prepare(), or hc_selection_check_classes(). @p text must outlive the selection.
 */
struct hc_error *hc_select_class(struct hc_selection *selection, const char *text);
/**
 * The name of a type, in which * and ? stand for any text and any character; may be given several
 * times. Whether there is such a type is known at hc_selection_prepare(). @p text must
 * outlive the selection.
 */
struct hc_error *hc_select_type(struct hc_selection *selection, const char *text);
/** A PCRE2 pattern. */
struct hc_error *hc_select_match(struct hc_selection *selection, const char *text);

/**
 * Read a number: decimal, also with the commas that output has, or hexadecimal behind 0x.
 *
 * @return behind it; NULL: there is none, or it does not fit 64 bits
 */
const char *hc_scan_number(const char *text, uint64_t *ret);

/** Names of kinds of mappings; NULL behind the last one. */
const char *hc_mapping_kind_word(unsigned i);

/** A comma-separated list of words, as a set of bits by their numbers. */
struct hc_error *hc_parse_names(const char *option, const char *text, hc_word_fn *words,
				uint64_t *ret);

/** A byte count with optional K, M, G, T or KiB… (1024), for every option that takes one. */
struct hc_error *hc_parse_bytes(const char *option, const char *text, uint64_t *ret);
/** An address: hexadecimal, with or without 0x. */
struct hc_error *hc_parse_address(const char *option, const char *text, uint64_t *ret);

#endif
