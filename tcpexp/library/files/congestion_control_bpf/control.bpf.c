// SPDX-License-Identifier: GPL-2.0
/*
 * @name@: AIMD(alpha, beta) in BPF. The kernel's verifier reads it before it is
 * loaded, so a mistake in it is refused, and takes no kernel down.
 */
#include "bpf_tcp.h"

const volatile unsigned int alpha = 1024;	/* growth per round trip, 1024ths of a segment */
const volatile unsigned int beta = 512;		/* kept of the window at a loss, 1024ths */

SEC("struct_ops/@name@_cong_avoid")
void BPF_PROG(@name@_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	__u32 per_segment;

	if (!tcp_is_cwnd_limited(tp))
		return;
	if (tcp_in_slow_start(tp)) {
		acked = tcp_slow_start(tp, acked);
		if (!acked)
			return;
	}
	per_segment = tp->snd_cwnd * 1024 / (alpha ? alpha : 1);
	tcp_cong_avoid_ai(tp, per_segment ? per_segment : 1, acked);
}

SEC("struct_ops/@name@_ssthresh")
__u32 BPF_PROG(@name@_ssthresh, struct sock *sk)
{
	__u32 left = (__u64)tcp_sk(sk)->snd_cwnd * beta / 1024;

	return left > 2 ? left : 2;
}

SEC("struct_ops/@name@_undo_cwnd")
__u32 BPF_PROG(@name@_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC(".struct_ops")
struct tcp_congestion_ops @name@ = {
	.cong_avoid	= (void *)@name@_cong_avoid,
	.ssthresh	= (void *)@name@_ssthresh,
	.undo_cwnd	= (void *)@name@_undo_cwnd,
	.name		= "@name@",
};

char _license[] SEC("license") = "GPL";
