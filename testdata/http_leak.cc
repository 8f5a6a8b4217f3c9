/*
 * A single-threaded HTTP worker that leaks the requests it rejects.
 *
 * usage: http_leak PORT       0: any free port. Prints "listening on 127.0.0.1:PORT".
 *
 * POST /profile/query answers 200 and frees its request. When the form field channelid is 4099 or empty, the
 * worker answers 403 and forgets to: the branch for an invalid channel returns without delete. GET /stats tells
 * the two counts as "served N leaked N".
 *
 * What the heap holds, for each leaked request, and nothing else that is lost:
 *   1 Request object, 520 bytes requested, 528-byte chunk (on a 64-bit machine), which alone points to
 *   1 chunk with the raw text of the request, from its first byte,
 *   1 chunk with the table of its form fields, and
 *   1 chunk with its cache key ("profile:APPID:CHANNELID:query").
 * A connection's input buffer is a local of serve(), freed when the connection closes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace
{

struct Field {
	unsigned name, name_size, value, value_size; /* offsets into the raw text */
};

class Request
{
public:
	explicit Request(const std::string &text) : raw(text)
	{
		memset(scratch, 0, sizeof(scratch));
		parse_form();
	}

	std::string field(const char *name) const
	{
		for (const Field &f : fields)
			if (raw.compare(f.name, f.name_size, name) == 0)
				return raw.substr(f.value, f.value_size);
		return "";
	}

	void make_key()
	{
		size_t start = raw.find("appid="), end = raw.find(' ', start);
		key.reserve(64);
		key = "profile:" + raw.substr(start + 6, end - start - 6) + ":" +
		      field("channelid") + ":query";
	}

	std::string raw;

private:
	void parse_form()
	{
		size_t pos = raw.find("\r\n\r\n") + 4;
		fields.reserve(8);
		while (pos < raw.size() && fields.size() < fields.capacity()) {
			size_t end = raw.find('&', pos);
			if (end == std::string::npos)
				end = raw.size();
			size_t equals = raw.find('=', pos);
			if (equals < end)
				fields.push_back({(unsigned)pos, (unsigned)(equals - pos),
						  (unsigned)(equals + 1),
						  (unsigned)(end - equals - 1)});
			pos = end + 1;
		}
	}

	std::vector<Field> fields;
	std::string key;
	char scratch[520 - 2 * sizeof(std::string) - sizeof(std::vector<Field>)];
};
static_assert(sizeof(Request) == 520, "the size that the tests know");

unsigned served, leaked;

const char *handle_query(const std::string &text)
{
	Request *request = new Request(text);
	request->make_key();
	std::string channel = request->field("channelid");
	if (channel.empty() || channel == "4099") {
		leaked++;
		return "HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\ninvalid channel\n";
	}
	served++;
	delete request;
	return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n";
}

std::string handle(const std::string &text)
{
	if (text.compare(0, 11, "GET /stats ") == 0) {
		char body[80], reply[160];
		snprintf(body, sizeof(body), "served %u leaked %u\n", served, leaked);
		snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(body), body);
		return reply;
	}
	return handle_query(text);
}

/* Length of the first whole request in the input, 0 when it is not complete. */
size_t complete(const std::string &input)
{
	size_t head = input.find("\r\n\r\n");
	if (head == std::string::npos)
		return 0;
	size_t length = input.find("Content-Length: ");
	size_t body = length < head ? strtoul(input.c_str() + length + 16, NULL, 10) : 0;
	return input.size() - head - 4 >= body ? head + 4 + body : 0;
}

void serve(int connection)
{
	std::string input;
	char piece[4096];
	ssize_t n;

	while ((n = read(connection, piece, sizeof(piece))) > 0) {
		input.append(piece, n);
		while (size_t size = complete(input)) {
			std::string reply = handle(input.substr(0, size));
			input.erase(0, size);
			if (write(connection, reply.data(), reply.size()) < 0)
				return;
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	struct sockaddr_in address = {};
	socklen_t size = sizeof(address);
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* so that gcore may, whatever Yama says */
	signal(SIGPIPE, SIG_IGN);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &size)) {
		perror("http_leak");
		return 1;
	}
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		if (connection < 0)
			continue;
		serve(connection);
		close(connection);
	}
}
