/*
 * Chunks with secrets in them, of each sort, half of them lost.
 *
 * usage: secrets [abort|pause|signal] [COPIES]
 *
 * Each of COPIES (default 40) rounds allocates one chunk per text below, keeps the texts of even
 * rounds in a table and drops the others. In one more chunk a round, a password stands in a struct,
 * behind numbers. The secrets all have "Xq7" in them, and nothing else has. Prints "texts N",
 * "end".
 */
#include "manifest.h"

static const char *const texts[] = {
	"GET /user/%u/cart?channelid=4099 HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Basic "
	"Xq7basicXq7==\r\n"
	"Cookie: sid=Xq7cookieXq7; theme=dark\r\nX-Api-Key: Xq7apikeyXq7\r\n\r\n",
	"HTTP/1.1 200 OK\r\nSet-Cookie: sid=Xq7setcookieXq7; Path=/%u\r\nContent-Length: 0\r\n\r\n",
	"user=joe%u&password=Xq7formXq7&remember=1",
	"{\"id\": %u, \"name\": \"joe\", \"api_key\": \"Xq7jsonXq7\", \"cart\": [1, 2]}",
	"postgres://app:Xq7urlXq7@db.example.org:5432/shop%u",
	"-----BEGIN RSA PRIVATE KEY-----\nMIIEXq7pemXq7AAKCAQEA%u\nXq7lineXq7\n-----END RSA "
	"PRIVATE KEY-----\n",
	"eyJhbGciXq7iJIUzI1NiJ9.eyJzdWIiOiXq7In0.Xq7sigXq7KxwRJSMeKKF2QT4fw%u",
	"*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$11\r\nXq7redisXq7\r\n",
	"CREATE USER app%u IDENTIFIED BY 'Xq7sqlXq7'",
	"aws_secret_access_key = wJalrXq7MDENGbPxRfiCYEXAMPLEKEYaaaaaaaaa",
	"login failed for joe%u, token=Xq7tokenXq7, retry later",
};

enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

struct account {
	double balance[3];
	unsigned long id;
	char login[64];
};

static void *volatile kept[1000][TEXTS + 1];

int main(int argc, char **argv)
{
	unsigned long copies = argc > 2 ? strtoul(argv[2], NULL, 10) : 40;

	for (unsigned long i = 0; i < copies && i < 1000; i++) {
		struct account *account = calloc(1, sizeof(*account));

		account->balance[0] = 17.5 + i;
		account->id = 0xdeadbeefcafeul * (i + 1);
		snprintf(account->login, sizeof(account->login),
			 "user joe password: Xq7structXq7 %lu", i);
		if (i % 2 == 0)
			kept[i][TEXTS] = account;
		for (size_t k = 0; k < TEXTS; k++) {
			char text[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof(text), texts[k], (unsigned)i);
#pragma GCC diagnostic pop
			char *copy = strdup(text);

			if (i % 2 == 0)
				kept[i][k] = copy;
		}
	}
	say("texts %d", TEXTS);
	stop_here(argc > 1 ? argv[1] : "pause");
}
