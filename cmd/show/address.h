/**
 * @file
 * Addresses as people write them: in hexadecimal, by the name of a variable, or by what a variable
 * points to.
 *
 *     0x55d0c2a0    g_cache    g_cache+16    *g_cache    *g_cache+16    app::Server::sessions
 *
 * A name may be as the linker has it or as C++ has it; a static variable of a function in C may go
 * without the number that the compiler put behind it. Several variables of one name are all meant,
 * and a thread-local one in every thread.
 */
#ifndef HC_CMD_SHOW_ADDRESS_H
#define HC_CMD_SHOW_ADDRESS_H

#include "analyzers/reachability/spots.h"
#include "cmd/session.h"

/** What an address was written for. */
struct hc_named_address {
	char *asked;
	uint64_t address;
	uint64_t size; /**< of the variable, bytes; 1 where it is no variable or not its start */
};

struct hc_address_list {
	struct hc_named_address *items;
	size_t num;
};

/** Most addresses of one run. */
#define HC_MAX_ADDRESSES 65536

/** Find what one word means, and append it. "-" stands for the words of stdin. */
struct hc_error *hc_addresses_find(const struct hc_session *session, struct hc_spots *spots,
				   const char *text, struct hc_address_list *list);
void hc_addresses_deinit(struct hc_address_list *list);

#endif
