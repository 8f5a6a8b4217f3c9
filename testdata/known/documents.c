/*
 * 600 XML documents that are parsed and never freed. All are lost.
 *
 * usage: documents [abort|pause|signal]
 */
#include <libxml/parser.h>

#include "../manifest.h"

enum { DOCUMENTS = 600 };

__attribute__((noinline)) static int parse(int i)
{
	char text[600];
	int size = snprintf(text, sizeof(text),
			    "<invoice number=\"%d\"><to>ann%d@example.org</to><line sku=\"a\" n=\"2\"/>"
			    "<line sku=\"b\" n=\"%d\">a longer text of this line, beyond what a node keeps</line></invoice>",
			    i, i, i % 9);

	return xmlReadMemory(text, size, "invoice.xml", NULL, 0) != NULL;
}

/* The parser's words on the stack would hold the last one. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char stack[32768];

	memset((char *)stack, 0, sizeof(stack));
}

int main(int argc, char **argv)
{
	for (int i = 0; i < DOCUMENTS; i++)
		if (!parse(i))
			return 1;
	wipe();
	say("documents %d", DOCUMENTS);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
