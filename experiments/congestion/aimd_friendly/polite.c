// SPDX-License-Identifier: GPL-2.0
/*
 * polite: AIMD(alpha, beta) that listens to the queue.
 *
 * As aimd.c, and more: it remembers the smallest round-trip time that it has
 * seen, and takes what a round trip takes longer for waiting in a queue. When
 * that is more than target_ms, it does not grow; at twice as much it gives back
 * one segment per round trip. So does TCP Vegas, more or less.
 *
 * Called as the spec says (KBUILD_MODNAME).
 *
 * It is a part of the kernel, and of its licence: the GPL, version 2.
 */
#include <linux/module.h>
#include <net/tcp.h>

#define CREATE_TRACE_POINTS
#include "polite_trace.h"

static unsigned int alpha __read_mostly = 1024;
module_param(alpha, uint, 0444);
MODULE_PARM_DESC(alpha, "growth per round trip, in 1024ths of a segment");

static unsigned int beta __read_mostly = 512;
module_param(beta, uint, 0444);
MODULE_PARM_DESC(beta, "what is kept of the window at a loss, in 1024ths");

static unsigned int target_ms __read_mostly = 10;
module_param(target_ms, uint, 0444);
MODULE_PARM_DESC(target_ms, "queueing delay that it wants, in milliseconds");

/* What it remembers of each connection: at most ICSK_CA_PRIV_SIZE bytes. */
struct polite_state {
	u32 min_rtt_us;
	u32 queue_us;	/* what the last round trip took longer */
	u32 acked;	/* since the window was made smaller, in segments */
};

static void polite_init(struct sock *sk)
{
	struct polite_state *ca = inet_csk_ca(sk);

	ca->min_rtt_us = ~0U;
	ca->queue_us = 0;
	ca->acked = 0;
}

/* With every acknowledgment: what the round trip of its segments took. */
static void polite_pkts_acked(struct sock *sk, const struct ack_sample *sample)
{
	struct polite_state *ca = inet_csk_ca(sk);

	if (sample->rtt_us <= 0)
		return;		/* sent twice: nobody knows */
	ca->min_rtt_us = min(ca->min_rtt_us, (u32)sample->rtt_us);
	ca->queue_us = (u32)sample->rtt_us - ca->min_rtt_us;
}

/* With every acknowledgment that moves snd_una: how many segments it acked. */
static void polite_cong_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct polite_state *ca = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	trace_polite_delay(sk, ca->queue_us, ca->min_rtt_us);
	if (ca->queue_us > 2 * target_ms * USEC_PER_MSEC) {
		ca->acked += acked;
		if (ca->acked >= tcp_snd_cwnd(tp)) {	/* once per round trip */
			ca->acked = 0;
			tcp_snd_cwnd_set(tp, max(tcp_snd_cwnd(tp) - 1, 2U));
			tp->snd_ssthresh = min(tp->snd_ssthresh, tcp_snd_cwnd(tp));
		}
		return;
	}
	if (ca->queue_us > target_ms * USEC_PER_MSEC || !tcp_is_cwnd_limited(sk))
		return;
	if (tcp_in_slow_start(tp)) {
		acked = tcp_slow_start(tp, acked);
		if (!acked)
			return;
	}
	tcp_cong_avoid_ai(tp, max(tcp_snd_cwnd(tp) * 1024 / max(alpha, 1U), 1U), acked);
}

/* At a loss: the threshold to which the window falls. */
static u32 polite_ssthresh(struct sock *sk)
{
	return max(tcp_snd_cwnd(tcp_sk(sk)) * min(beta, 1024U) / 1024, 2U);
}

static struct tcp_congestion_ops polite __read_mostly = {
	.init		= polite_init,
	.cong_avoid	= polite_cong_avoid,
	.pkts_acked	= polite_pkts_acked,
	.ssthresh	= polite_ssthresh,
	.undo_cwnd	= tcp_reno_undo_cwnd,
	.owner		= THIS_MODULE,
	.name		= KBUILD_MODNAME,
};

static int __init polite_register(void)
{
	BUILD_BUG_ON(sizeof(struct polite_state) > ICSK_CA_PRIV_SIZE);
	return tcp_register_congestion_control(&polite);
}

static void __exit polite_unregister(void)
{
	tcp_unregister_congestion_control(&polite);
}

module_init(polite_register);
module_exit(polite_unregister);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("TCP polite: AIMD(alpha, beta) that listens to the queue");
