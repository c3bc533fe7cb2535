/* The counting of one rule ("the N-th data segment") as a program behind NFQUEUE: a netlink socket, no library. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE = 7, FLOWS = 4096, NTH = 1000000 };
struct flow { uint32_t src, dst, ports, highest, count; };
static struct flow flows[FLOWS];

static int config(int s, int kind, const void *value, int size)
{
	struct { struct nlmsghdr h; struct nfgenmsg g; struct nlattr a; char value[8]; } m = {
		{ NLMSG_LENGTH(sizeof m.g) + 4 + size, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK },
		{ .res_id = htons(QUEUE) }, { 4 + size, kind } };
	char answer[4096];
	memcpy(m.value, value, size);
	m.h.nlmsg_len = NLMSG_ALIGN(m.h.nlmsg_len);
	if (send(s, &m, m.h.nlmsg_len, 0) < 0 || recv(s, answer, sizeof answer, 0) < 0)
		return -1;
	return ((struct nlmsgerr *)NLMSG_DATA(answer))->error;
}

static uint32_t decide(const unsigned char *p)
{
	int ip = (p[0] & 15) * 4, payload = (p[2] << 8 | p[3]) - ip - (p[ip + 12] >> 4) * 4;
	uint32_t src, dst, ports, seq, slot;
	memcpy(&src, p + 12, 4), memcpy(&dst, p + 16, 4), memcpy(&ports, p + ip, 4), memcpy(&seq, p + ip + 4, 4);
	seq = ntohl(seq);
	for (slot = (src ^ dst * 31 ^ ports * 131) % FLOWS;; slot = (slot + 1) % FLOWS) {
		struct flow *f = &flows[slot];
		if (!f->ports || (f->src == src && f->dst == dst && f->ports == ports)) {
			if (!f->ports || (p[ip + 13] & 2))
				*f = (struct flow){ src, dst, ports, seq + payload, payload > 0 };
			else if (payload && (int32_t)(seq + payload - f->highest) > 0)
				f->highest = seq + payload, f->count++;
			return f->count == NTH ? 0 : 1;
		}
	}
}

int main(void)
{
	static char buffer[65536];
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	struct nfqnl_msg_config_cmd bind_queue = { NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params copy = { htonl(128), NFQNL_COPY_PACKET };
	if (config(s, NFQA_CFG_CMD, &bind_queue, sizeof bind_queue) || config(s, NFQA_CFG_PARAMS, &copy, 5))
		return 1;
	puts("ready"), fflush(stdout);
	for (;;) {
		int n = recv(s, buffer, sizeof buffer, 0), at = NLMSG_LENGTH(sizeof(struct nfgenmsg));
		struct { struct nlmsghdr h; struct nfgenmsg g; struct nlattr a; uint32_t verdict, id; } m = {
			{ 32, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT, NLM_F_REQUEST }, { .res_id = htons(QUEUE) }, { 12, NFQA_VERDICT_HDR }, htonl(1) };
		while (at + 4 <= n) {
			struct nlattr *a = (void *)(buffer + at);
			if (a->nla_type == NFQA_PACKET_HDR)
				memcpy(&m.id, a + 1, 4);
			else if (a->nla_type == NFQA_PAYLOAD)
				m.verdict = htonl(decide((unsigned char *)(a + 1)));
			at += NLA_ALIGN(a->nla_len);
		}
		send(s, &m, 32, 0);
	}
}
