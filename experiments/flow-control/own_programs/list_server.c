/* Take typed linked lists over TCP, one connection after the other, and print every node.
 *
 *     gcc -Wall -O2 -o list_server list_server.c
 *     ./list_server 5000              checks each number before it acts on it
 *     ./list_server 5001 --careless   believes what it is told, and so crashes
 *
 * A list is its count (4 bytes), then for each node a struct node as the compiler lays it out (276 bytes), with its
 * numbers in network byte order, and its content. The answer is one line: "ok ..." or "refused: ...".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct node {
    int32_t id, next_id;
    int16_t rating;
    uint32_t price; /* two bytes of padding before it */
    char title[255];
    uint32_t content_length; /* one byte of padding before it */
};
#define LARGEST_COUNT 100000
#define LARGEST_CONTENT 1000000

static int careless;

/* Read exactly `length` bytes, over as many calls as it takes; return how many came before the end. */
static size_t read_exactly(int connection, void *buffer, size_t length)
{
    size_t have = 0;
    while (have < length) {
        ssize_t got = recv(connection, (char *)buffer + have, length - have, 0);
        if (got <= 0)
            break;
        have += got;
    }
    return have;
}

static void answer(int connection, const char *line)
{
    printf("%s", line);
    send(connection, line, strlen(line), MSG_NOSIGNAL);
}

/* Take one list; return the answer's line. */
static void take_list(int connection)
{
    static char line[200];
    uint32_t count;
    size_t bytes = read_exactly(connection, &count, sizeof count);
    count = ntohl(count);
    if (bytes < sizeof count || (!careless && count > LARGEST_COUNT)) {
        snprintf(line, sizeof line, "refused: the list claims %u nodes\n", count);
        answer(connection, line);
        return;
    }
    for (uint32_t number = 0; number < count; number++) {
        struct node node;
        size_t got = read_exactly(connection, &node, sizeof node);
        if (got < sizeof node) {
            snprintf(line, sizeof line, "refused: node %u of %u ends after %zu of %zu bytes\n", number + 1, count, got, sizeof node);
            answer(connection, line);
            return;
        }
        uint32_t length = ntohl(node.content_length);
        if (!careless && length > LARGEST_CONTENT) {
            snprintf(line, sizeof line, "refused: node %u claims %u bytes of content\n", number + 1, length);
            answer(connection, line);
            return;
        }
        if (careless)
            fprintf(stderr, "node %u: taking %u bytes of content\n", number + 1, length);
        char *content = malloc((length + 1) * sizeof(struct node)); /* a slip: bytes are meant. NULL where there is not so much memory */
        memset(content, 0, length + 1);                             /* where the careless one crashes */
        got = read_exactly(connection, content, length);
        bytes += sizeof node + got;
        node.title[sizeof node.title - 1] = 0;
        printf("node id=%d next_id=%d rating=%d price=%u title=\"%s\" content=%zu\n", (int32_t)ntohl(node.id),
               (int32_t)ntohl(node.next_id), (int16_t)ntohs(node.rating), ntohl(node.price), node.title, got);
        free(content);
    }
    snprintf(line, sizeof line, "ok nodes=%u bytes=%zu\n", count, bytes);
    answer(connection, line);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 5000;
    const char *version = getenv("TCPEXP_IP"); /* 6 in a network that speaks IPv6 */
    int six = version && version[0] == '6', yes = 1;
    struct sockaddr_in four_address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six_address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int listener = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

    careless = argc > 2 && strcmp(argv[2], "--careless") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not take lines with it that were printed */
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, six ? (void *)&six_address : (void *)&four_address, six ? sizeof six_address : sizeof four_address) < 0 ||
        listen(listener, 5) < 0) {
        perror("list_server");
        return 1;
    }
    printf("a node has %zu bytes: price at %zu, title at %zu, content_length at %zu\n", sizeof(struct node),
           offsetof(struct node, price), offsetof(struct node, title), offsetof(struct node, content_length));
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        take_list(connection);
        close(connection);
    }
}
