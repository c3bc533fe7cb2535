// SPDX-License-Identifier: MIT OR GPL-2.0
/* Faults that know TCP: act on the N-th segment of a kind in a flow, exactly.
 *
 * A tc classifier (direct action) at the place where a packet comes out of a link's bottleneck and has not yet met the
 * link's delay. It keeps what it must know of every flow that a rule names, decides by the rules in the map "rules", and
 * writes a line for each segment that it touched. What no rule wants passes on to the next filter (TC_ACT_UNSPEC).
 * bpf_map.py writes and reads these maps; the layouts of both files must agree. docs/faults.md explains the terms.
 * Rebuild with scripts/build-bpf after every change. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_RULES 32
#define MAX_FLOWS 65536
#define MAX_TARGETS 65536
#define LOG_LINES 16384
#define ALL_TRANSMISSIONS (~0ULL)

enum kind { SYN = 1, SYN_ACK = 2, DATA = 4, FIN = 8, RST = 16, PURE_ACK = 32, WINDOW_UPDATE = 64, ANY = 128 };
enum effect { DROP = 1, DUPLICATE = 2, CORRUPT = 3, DELAY = 4 };
enum flag { F_FIN = 1, F_SYN = 2, F_RST = 4, F_ACK = 16 };

/* One direction of a connection. IPv4 addresses fill the first four bytes. */
struct flow_key {
	__u8 source[16], target[16];
	__u16 source_port, target_port; /* host order */
	__u32 family;			/* 4 or 6 */
};

struct flow {
	__u32 rules;   /* bit i: rule i is about this flow */
	__u32 serial;  /* number of this flow, from 1 on */
	__u32 isn;     /* of the SYN or SYN-ACK, or one below the first segment that was seen */
	__u32 syns, syn_acks, fins; /* transmissions so far */
	__u64 data, resets, pure_acks, updates, any; /* distinct segments so far */
	__u64 highest; /* bytes of the stream that were seen: the end of the highest data segment */
	__u32 ack, window; /* of the last segment with an ACK */
	__u32 acked;
};

/* A data segment that a rule selects, so that its retransmissions are known when they come. */
struct target_key {
	__u64 offset; /* of its first byte in the stream */
	__u32 flow;
	__u32 padding;
};

struct target {
	__u64 number, end;
	__u32 transmissions, padding;
};

struct rule {
	__u32 used, active;
	__u32 source, target; /* numbers of hosts in the map "hosts"; 0: any */
	__u16 source_port, target_port, either_port, skip; /* 0: any; skip: so many connections pass first */
	__u32 kind, by_bytes;
	__u64 first, last, every; /* numbers of segments from 1 on, or bytes of the stream from 0 on (every unused) */
	__u64 transmissions;	  /* bit k-1: the k-th */
	__u32 effect, detour;	  /* detour: index of the interface through which a delayed segment goes */
};

struct tally {
	__u64 connections, highest, selected, applied; /* highest: number of a segment of the rule's kind */
};

struct settings {
	__u32 rules, out; /* rules in use; index of the interface behind this point */
	__u64 lines;	  /* of the log, those that did not fit included */
	__u32 flows, untracked_flows, untracked_segments, failed;
};

struct line {
	__u64 t_ns; /* CLOCK_MONOTONIC */
	struct flow_key key;
	__u64 offset, number;
	__u32 rule, kind, seq, bytes, transmission, effect;
};

struct packet {
	struct flow_key key;
	__u32 seq, ack, window, flags, payload, payload_at, tcp_at, kinds;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_RULES);
	__type(key, __u32);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_RULES);
	__type(key, __u32);
	__type(value, struct tally);
} tallies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED);
	__type(key, __u8[16]);
	__type(value, __u32);
} hosts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TARGETS);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED);
	__type(key, struct target_key);
	__type(value, struct target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOG_LINES);
	__type(key, __u32);
	__type(value, struct line);
} lines SEC(".maps");

/* What a function that bpf_loop calls shares with its caller. The functions below that are not static are verified by the
 * kernel one by one, and the body of a bpf_loop once: otherwise verifying would cost a million instructions. */
struct options {
	__u8 bytes[64];
	__u32 length, skip, found;
};

static long look_at_option(__u32 i, struct options *options)
{
	__u32 kind;

	if (i >= options->length || i >= 40)
		return 1;
	if (options->skip) {
		options->skip--;
		return 0;
	}
	kind = options->bytes[i & 63];
	if (kind == 0)
		return 1;
	if (kind == 5) {
		options->found = 1;
		return 1;
	}
	if (kind != 1 && options->bytes[(i + 1) & 63] > 1)
		options->skip = options->bytes[(i + 1) & 63] - 1;
	return 0;
}

/* Whether the TCP options hold SACK blocks (kind 5). The options of the longest header are 40 bytes, in steps of four. */
__noinline int has_sack(struct __sk_buff *skb, __u32 at, __u32 length)
{
	struct options options = {};

	if (length < 4 || length > 40 || bpf_skb_load_bytes(skb, at, options.bytes, length))
		return 0;
	options.length = length;
	bpf_loop(40, look_at_option, &options, 0);
	return options.found;
}

/* Read the headers; 0 when this is no TCP segment that can be read. Fragments and IPv6 extension headers pass. */
__noinline int parse(struct __sk_buff *skb, struct packet *p)
{
	__u8 ip[40] = {}, tcp[20] = {};
	__u32 length, header;

	if (!p)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, ip, 20) || ip[9] != IPPROTO_TCP || (ip[6] & 0x3f) || ip[7])
			return 0;
		header = (ip[0] & 15) * 4;
		length = ((__u32)ip[2] << 8 | ip[3]) - header;
		p->key.family = 4;
		__builtin_memcpy(p->key.source, ip + 12, 4);
		__builtin_memcpy(p->key.target, ip + 16, 4);
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, ip, 40) || ip[6] != IPPROTO_TCP)
			return 0;
		header = 40;
		length = (__u32)ip[4] << 8 | ip[5];
		p->key.family = 6;
		__builtin_memcpy(p->key.source, ip + 8, 16);
		__builtin_memcpy(p->key.target, ip + 24, 16);
	} else {
		return 0;
	}
	p->tcp_at = ETH_HLEN + header;
	if (bpf_skb_load_bytes(skb, p->tcp_at, tcp, 20))
		return 0;
	header = (tcp[12] >> 4) * 4;
	if (header < 20 || header > length)
		return 0;
	p->key.source_port = (__u16)tcp[0] << 8 | tcp[1];
	p->key.target_port = (__u16)tcp[2] << 8 | tcp[3];
	p->seq = (__u32)tcp[4] << 24 | (__u32)tcp[5] << 16 | (__u32)tcp[6] << 8 | tcp[7];
	p->ack = (__u32)tcp[8] << 24 | (__u32)tcp[9] << 16 | (__u32)tcp[10] << 8 | tcp[11];
	p->flags = tcp[13];
	p->window = (__u32)tcp[14] << 8 | tcp[15];
	p->payload = length - header;
	p->payload_at = p->tcp_at + header;
	return 1;
}

struct beginning {
	struct flow_key key;
	__u32 source, target, wanted, rules;
};

static long match_rule(__u32 i, struct beginning *begin)
{
	__u32 index = i;
	struct rule *rule = bpf_map_lookup_elem(&rules, &index);
	struct tally *tally = bpf_map_lookup_elem(&tallies, &index);

	if (!rule || !tally || !rule->used)
		return 1;
	if ((rule->source && rule->source != begin->source) || (rule->target && rule->target != begin->target))
		return 0;
	if ((rule->source_port && rule->source_port != begin->key.source_port) ||
	    (rule->target_port && rule->target_port != begin->key.target_port) ||
	    (rule->either_port && rule->either_port != begin->key.source_port && rule->either_port != begin->key.target_port))
		return 0;
	begin->wanted = 1;
	tally->connections++;
	if (tally->connections > rule->skip)
		begin->rules |= 1U << (i & 31);
	return 0;
}

/* Begin a flow, unless no rule is about it: 1 when it is in the map now. */
__noinline int begin_flow(struct packet *p)
{
	struct beginning begin = {};
	struct flow fresh = {};
	struct settings *known;
	__u32 *host, zero = 0;

	if (!p)
		return 0;
	known = bpf_map_lookup_elem(&settings, &zero);
	if (!known)
		return 0;
	begin.key = p->key;
	host = bpf_map_lookup_elem(&hosts, begin.key.source);
	if (host)
		begin.source = *host;
	host = bpf_map_lookup_elem(&hosts, begin.key.target);
	if (host)
		begin.target = *host;
	bpf_loop(MAX_RULES, match_rule, &begin, 0);
	if (!begin.wanted)
		return 0;
	fresh.rules = begin.rules;
	fresh.serial = ++known->flows;
	fresh.isn = p->flags & F_SYN ? p->seq : p->seq - 1;
	if (bpf_map_update_elem(&flows, &begin.key, &fresh, BPF_ANY)) {
		known->untracked_flows++;
		return 0;
	}
	return 1;
}

/* Say which kinds of segment this is, and count it among its like. */
__noinline int classify(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	if (!p || !flow)
		return 0;
	p->kinds = ANY;
	flow->any++;
	if (p->flags & F_SYN) {
		if (p->flags & F_ACK) {
			p->kinds |= SYN_ACK;
			flow->syn_acks++;
		} else {
			p->kinds |= SYN;
			flow->syns++;
		}
	}
	if (p->flags & F_RST) {
		p->kinds |= RST;
		flow->resets++;
	} else if (p->payload) {
		p->kinds |= DATA;
	}
	if (p->flags & F_FIN) {
		p->kinds |= FIN;
		flow->fins++;
	}
	if (p->kinds == ANY && (p->flags & F_ACK)) {
		p->kinds |= PURE_ACK;
		flow->pure_acks++;
		if (flow->acked && p->ack == flow->ack && p->window > flow->window &&
		    !has_sack(skb, p->tcp_at + 20, p->payload_at - p->tcp_at - 20)) {
			p->kinds |= WINDOW_UPDATE;
			flow->updates++;
		}
	}
	if (p->flags & F_ACK) {
		flow->ack = p->ack;
		flow->window = p->window;
		flow->acked = 1;
	}
	return 1;
}

/* What is known of a segment while the rules are gone through. */
struct choice {
	__u64 offset, end; /* of a data segment; of a retransmission what the original had */
	__u64 data_number, number;
	__u32 flow_rules, kinds, is_new, remember;
	__u32 data_transmission, transmission;
	__u32 syns, syn_acks, fins, acting; /* acting: the rule that acts, counted from 1; 0 none */
	__u64 resets, pure_acks, updates, any;
};

static long choose(__u32 i, struct choice *choice)
{
	__u32 index = i, transmission = 1;
	__u64 number = 1;
	struct rule *rule;
	struct tally *tally;

	if (!(choice->flow_rules & (1U << (i & 31))))
		return 0;
	rule = bpf_map_lookup_elem(&rules, &index);
	tally = bpf_map_lookup_elem(&tallies, &index);
	if (!rule || !tally || !(rule->kind & choice->kinds))
		return 0;
	switch (rule->kind) {
	case SYN: transmission = choice->syns; break;
	case SYN_ACK: transmission = choice->syn_acks; break;
	case FIN: transmission = choice->fins; break;
	case RST: number = choice->resets; break;
	case PURE_ACK: number = choice->pure_acks; break;
	case WINDOW_UPDATE: number = choice->updates; break;
	case ANY: number = choice->any; break;
	default:
		number = choice->data_number;
		transmission = choice->data_transmission;
	}
	if (!number)
		return 0;
	if (number > tally->highest)
		tally->highest = number;
	if (rule->by_bytes) {
		if (choice->offset > rule->last || choice->end <= rule->first)
			return 0;
	} else if (number < rule->first || number > rule->last || (number - rule->first) % rule->every) {
		return 0;
	}
	if (choice->is_new && rule->kind == DATA)
		choice->remember = 1;
	if (rule->transmissions != ALL_TRANSMISSIONS &&
	    (transmission > 63 || !(rule->transmissions & (1ULL << ((transmission - 1) & 63)))))
		return 0;
	tally->selected++;
	if (choice->acting || !rule->active)
		return 0;
	tally->applied++;
	choice->acting = i + 1;
	choice->number = number;
	choice->transmission = transmission;
	return 0;
}

__noinline int write_line(struct packet *p, struct choice *choice, struct rule *rule)
{
	struct settings *known;
	struct line *line;
	__u32 at, zero = 0;

	known = bpf_map_lookup_elem(&settings, &zero);
	if (!p || !choice || !rule || !known)
		return 0;
	at = known->lines++;
	line = bpf_map_lookup_elem(&lines, &at);
	if (!line)
		return 0;
	line->t_ns = bpf_ktime_get_ns();
	line->key = p->key;
	line->offset = choice->offset;
	line->number = choice->number;
	line->rule = choice->acting - 1;
	line->kind = rule->kind;
	line->seq = p->seq;
	line->bytes = p->payload;
	line->transmission = choice->transmission;
	line->effect = rule->effect;
	return 1;
}

/* Turn over the first byte of the payload, or of the checksum where there is none; the checksum no longer fits. */
__noinline int corrupt(struct __sk_buff *skb, struct packet *p)
{
	__u32 at;
	__u8 byte;

	if (!p)
		return -1;
	at = p->payload ? p->payload_at : p->tcp_at + 16;
	if (bpf_skb_load_bytes(skb, at, &byte, 1))
		return -1;
	byte = ~byte;
	return bpf_skb_store_bytes(skb, at, &byte, 1, 0);
}

/* Tell a new data segment from a retransmission, and know the latter again. */
__noinline int number_data(struct packet *p, struct flow *flow, struct choice *choice)
{
	struct target_key where = {};
	struct target *target;

	if (!p || !flow || !choice)
		return 0;
	/* Bytes of the stream count from 0 behind the SYN; the difference to the highest one is less than 2^31 either way. */
	choice->offset = flow->highest + (__s64)(__s32)(p->seq + (p->flags & F_SYN ? 1 : 0) - (flow->isn + 1 + (__u32)flow->highest));
	choice->end = choice->offset + p->payload;
	choice->data_transmission = 1;
	if (!(p->kinds & DATA))
		return 0;
	if (choice->end > flow->highest) {
		flow->highest = choice->end;
		choice->data_number = ++flow->data;
		choice->is_new = 1;
		return 1;
	}
	where.flow = flow->serial;
	where.offset = choice->offset;
	target = bpf_map_lookup_elem(&targets, &where);
	if (!target)
		return 0;
	choice->data_number = target->number;
	choice->end = target->end;
	choice->data_transmission = ++target->transmissions;
	return 1;
}

/* Keep a data segment that a rule selects, so that its retransmissions are known. */
__noinline int remember(struct flow *flow, struct choice *choice)
{
	struct target_key where = {};
	struct target fresh = {};

	if (!flow || !choice)
		return -1;
	where.flow = flow->serial;
	where.offset = choice->offset;
	fresh.number = choice->data_number;
	fresh.end = choice->end;
	fresh.transmissions = 1;
	return bpf_map_update_elem(&targets, &where, &fresh, BPF_ANY) ? -1 : 0;
}

SEC("tc")
int segment_faults(struct __sk_buff *skb)
{
	struct packet p = {};
	struct choice choice = {};
	struct settings *known;
	struct rule *rule;
	struct flow *flow;
	__u32 index = 0;

	known = bpf_map_lookup_elem(&settings, &index);
	if (!known || !known->rules || !parse(skb, &p))
		return TC_ACT_UNSPEC;
	flow = bpf_map_lookup_elem(&flows, &p.key);
	if (!flow || ((p.flags & F_SYN) && flow->isn != p.seq)) {
		if (!begin_flow(&p))
			return TC_ACT_UNSPEC;
		flow = bpf_map_lookup_elem(&flows, &p.key);
	}
	if (!flow || !flow->rules)
		return TC_ACT_UNSPEC;
	classify(skb, &p, flow);
	number_data(&p, flow, &choice);
	choice.flow_rules = flow->rules;
	choice.kinds = p.kinds;
	choice.syns = flow->syns;
	choice.syn_acks = flow->syn_acks;
	choice.fins = flow->fins;
	choice.resets = flow->resets;
	choice.pure_acks = flow->pure_acks;
	choice.updates = flow->updates;
	choice.any = flow->any;
	bpf_loop(known->rules, choose, &choice, 0);
	if (choice.remember && remember(flow, &choice))
		known->untracked_segments++;
	if (!choice.acting)
		return TC_ACT_UNSPEC;
	index = choice.acting - 1;
	rule = bpf_map_lookup_elem(&rules, &index);
	if (!rule)
		return TC_ACT_UNSPEC;
	write_line(&p, &choice, rule);
	switch (rule->effect) {
	case DROP:
		return TC_ACT_SHOT;
	case DUPLICATE:
		if (bpf_clone_redirect(skb, known->out, 0))
			known->failed++;
		return TC_ACT_UNSPEC;
	case CORRUPT:
		if (corrupt(skb, &p))
			known->failed++;
		return TC_ACT_UNSPEC;
	case DELAY:
		return bpf_redirect(rule->detour, 0);
	}
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
