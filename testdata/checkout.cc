/*
 * A server of several customers, built twice: the second build forgets the orders of one of them.
 *
 * usage: checkout [abort|pause|signal] [ORDERS FORGOTTEN CACHE]
 *
 * Holds ORDERS Order objects of each of the four customers, and has forgotten FORGOTTEN of umbrella.example's; an Order is a chunk of
 * 96 bytes and alone points to the text of its request, a chunk of 320. CACHE texts of 4,000 bytes stand in a table. Prints "end".
 */
#include <new>

#include "manifest.h"

struct Order {
	virtual ~Order() = default;
	char *request = nullptr;
	unsigned long lines[9] = {};
};

static const char *const customers[] = {"acme", "globex", "initech", "umbrella"};
static Order *volatile *held;
static char *volatile *cache;

__attribute__((noinline)) static Order *make(const char *customer, unsigned long number)
{
	char *text = (char *)calloc(1, 304);

	snprintf(text, 304, "POST /orders/%lu HTTP/1.1\r\nHost: %s.example\r\nContent-Type: application/json\r\n\r\n{\"order\":%lu}",
		 number, customer, number);
	Order *order = new (calloc(1, sizeof(Order))) Order;
	order->request = text;
	return order;
}

/* Nothing of what was forgotten stays on the stack. */
__attribute__((noinline)) static void clear_stack(void)
{
	volatile char below[8192];

	for (unsigned i = 0; i < sizeof(below); i++)
		below[i] = 0;
}

int main(int argc, char **argv)
{
	unsigned long orders = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
	unsigned long forgotten = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long texts = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;

	held = (Order *volatile *)calloc(4 * orders, sizeof(*held));
	cache = (char *volatile *)calloc(texts + 1, sizeof(*cache));
	for (unsigned long i = 0; i < forgotten; i++)
		make(customers[3], 100000 + i);
	for (unsigned long i = 0; i < texts; i++) {
		cache[i] = (char *)calloc(1, 4000);
		snprintf(cache[i], 4000, "{\"page\":%lu}", i);
	}
	for (unsigned long i = 0; i < 4 * orders; i++)
		held[i] = make(customers[i % 4], i);
	clear_stack();
	stop_here(argc > 1 ? argv[1] : "pause");
}
