/*
 * An HTTP/1.1 server that keeps what goes through it.
 *
 * usage: http_hoard PORT LIMIT     PORT 0: any free port. Prints "listening PORT".
 *
 * Answers every request; the first LIMIT since the last "GET /more" are kept, the rest are not.
 * What is kept of each hangs on a list whose head is in .bss, each piece in a chunk of its own that
 * holds nothing else: request    head and body, as they came form, json, xml, by Content-Type: the
 * body once more url        scheme, host and target, as the client would write them response   head
 * and body, as they went "GET /end" ends it: prints "held KIND 0xADDRESS SIZE WORDS..." for each
 * piece ("held request ... METHOD PATH TYPE", the path without its query, TYPE or "-"; "held
 * response ... STATUS"), "count KIND NUMBER" for each kind, "end", and waits to be dumped. These
 * two requests are not kept. Input lies in .bss, not in the heap.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include "manifest.h"

enum kind { REQUEST, FORM, JSON, XML, URL, RESPONSE, NUM_KINDS };

static const char *const kind_names[] = {"request", "form", "json", "xml", "url", "response"};

/* What is kept of one request. The words for the manifest are offsets into the request. */
struct exchange {
	struct exchange *next;
	char *pieces[NUM_KINDS];
	unsigned sizes[NUM_KINDS];
	unsigned path, path_size, type, type_size; /* type_size 0: none */
	unsigned method_size, status;
};

struct connection {
	int fd;
	unsigned used;
	char input[1 << 16];
};

static struct exchange *kept, **last = &kept;
static unsigned num_kept, limit, counts[NUM_KINDS];
static struct connection connections[32];

static char *keep(struct exchange *e, enum kind kind, const char *text, unsigned size)
{
	e->pieces[kind] = malloc(size + 1);
	memcpy(e->pieces[kind], text, size);
	e->pieces[kind][size] = 0;
	e->sizes[kind] = size;
	counts[kind]++;
	return e->pieces[kind];
}

/* Value of a header field, NULL when there is none. */
static const char *field(const char *head, const char *name, unsigned *size_ret)
{
	size_t length = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line && strncmp(line, "\r\n\r\n", 4) != 0;
	     line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
			const char *value = line + 3 + length;
			value += strspn(value, " ");
			*size_ret = strcspn(value, "\r;");
			return value;
		}
	}
	return NULL;
}

static enum kind kind_of_body(const char *type, unsigned size)
{
	if (size >= 4 && strncasecmp(type + size - 4, "json", 4) == 0)
		return JSON;
	return size >= 3 && strncasecmp(type + size - 3, "xml", 3) == 0 ? XML : FORM;
}

/* @text: head and body, NUL-terminated, @head bytes of it head. */
static void keep_request(const char *text, unsigned size, unsigned head, const char *response,
			 unsigned response_size, unsigned status)
{
	struct exchange *e = calloc(1, sizeof(*e));
	char url[4096];
	unsigned host_size = 0, target_size;
	const char *type = field(text, "Content-Type", &e->type_size), *host;
	const char *target = strchr(text, ' ') + 1;

	target_size = strcspn(target, " ");
	e->method_size = target - 1 - text;
	e->path = target - text;
	e->path_size = strcspn(target, " ?");
	e->type = type ? type - text : 0;
	e->status = status;
	keep(e, REQUEST, text, size);
	if (type && size > head)
		keep(e, kind_of_body(type, e->type_size), text + head, size - head);
	host = field(text, "Host", &host_size);
	keep(e, URL, url,
	     snprintf(url, sizeof(url), "http://%.*s%.*s", host_size, host, target_size, target));
	keep(e, RESPONSE, response, response_size);
	*last = e;
	last = &e->next;
	num_kept++;
}

static void end(void)
{
	for (struct exchange *e = kept; e; e = e->next) {
		const char *text = e->pieces[REQUEST];

		say("held request %p %u %.*s %.*s %.*s", (void *)text, e->sizes[REQUEST],
		    e->method_size, text, e->path_size, text + e->path,
		    e->type_size ? e->type_size : 1, e->type_size ? text + e->type : "-");
		for (unsigned i = FORM; i < RESPONSE; i++) {
			if (e->pieces[i])
				say("held %s %p %u", kind_names[i], (void *)e->pieces[i],
				    e->sizes[i]);
		}
		say("held response %p %u %u", (void *)e->pieces[RESPONSE], e->sizes[RESPONSE],
		    e->status);
	}
	for (unsigned i = 0; i < NUM_KINDS; i++)
		say("count %s %u", kind_names[i], counts[i]);
	stop_here("pause");
}

static unsigned status_of(const char *text)
{
	if (strncmp(text, "POST ", 5) == 0)
		return 201;
	return strncmp(text, "DELETE ", 7) == 0 ? 404 : 200;
}

static int answer(int fd, const char *text, unsigned size, unsigned head)
{
	char response[512];
	const char *body = "{\"ok\":true,\"items\":[1,2,3]}";
	unsigned status = status_of(text);
	int n = snprintf(response, sizeof(response),
			 "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nServer: hoard/1\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 status,
			 status == 404   ? "Not Found"
			 : status == 201 ? "Created"
					 : "OK",
			 strlen(body), strncmp(text, "HEAD ", 5) ? body : "");

	if (strncmp(text, "GET /more ", 10) == 0)
		num_kept = 0;
	else if (strncmp(text, "GET /end ", 9) != 0 && num_kept < limit)
		keep_request(text, size, head, response, n, status);
	if (write(fd, response, n) != n)
		return -1;
	if (strncmp(text, "GET /end ", 9) == 0)
		end();
	return 0;
}

/* Serve every whole request in the input. Returns -1 when the connection is to be closed. */
static int serve(struct connection *c)
{
	for (;;) {
		char *body = c->used ? strstr(c->input, "\r\n\r\n") : NULL;
		unsigned size = 0, digits;

		if (!body)
			return c->used == sizeof(c->input) - 1 ? -1 : 0;
		unsigned head = body + 4 - c->input;
		const char *length = field(c->input, "Content-Length", &digits);
		size = head + (length ? strtoul(length, NULL, 10) : 0);
		if (size >= sizeof(c->input))
			return -1;
		if (size > c->used)
			return 0;
		char next = c->input[size];
		c->input[size] = 0;
		if (!strchr(c->input, ' ') || answer(c->fd, c->input, size, head) != 0)
			return -1;
		c->input[size] = next;
		c->used -= size;
		memmove(c->input, c->input + size, c->used + 1);
	}
}

static void receive(struct connection *c)
{
	ssize_t n = read(c->fd, c->input + c->used, sizeof(c->input) - 1 - c->used);

	if (n > 0) {
		c->used += n;
		c->input[c->used] = 0;
	}
	if (n <= 0 || serve(c) != 0) {
		close(c->fd);
		c->fd = -1;
		c->used = 0;
	}
}

static int listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t size = sizeof(address);
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		return -1;
	say("listening %d", ntohs(address.sin_port));
	return listener;
}

#define NUM_CONNECTIONS (sizeof(connections) / sizeof(connections[0]))

static void accept_one(int listener)
{
	int fd = accept(listener, NULL, NULL);

	for (size_t i = 0; fd >= 0 && i < NUM_CONNECTIONS; i++) {
		if (connections[i].fd < 0) {
			connections[i].fd = fd;
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct pollfd fds[NUM_CONNECTIONS + 1];
	int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);

	limit = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
	if (listener < 0)
		return 1;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* so that gcore may, whatever Yama says */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < NUM_CONNECTIONS; i++)
		connections[i].fd = -1;
	for (;;) {
		fds[NUM_CONNECTIONS] = (struct pollfd){.fd = listener, .events = POLLIN};
		for (size_t i = 0; i < NUM_CONNECTIONS; i++)
			fds[i] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
		if (poll(fds, NUM_CONNECTIONS + 1, -1) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 0; i < NUM_CONNECTIONS; i++) {
			if (fds[i].fd >= 0 && fds[i].revents)
				receive(&connections[i]);
		}
		if (fds[NUM_CONNECTIONS].revents)
			accept_one(listener);
	}
}
