// SPDX-License-Identifier: GPL-2.0
/*
 * aimd: additive increase, multiplicative decrease, with both numbers to choose.
 *
 * It grows by alpha / 1024 segments per round trip, and multiplies its window
 * by beta / 1024 at a loss: AIMD(alpha, beta). With 1024 and 512 that is Reno
 * (RFC 5681). It compiles for Linux 6.1, 6.12 and 7.3.
 *
 * It is a part of the kernel, and of its licence: the GPL, version 2.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <net/tcp.h>

#define CREATE_TRACE_POINTS
#include "aimd_trace.h"

static unsigned int alpha __read_mostly = 1024;
module_param(alpha, uint, 0444);
MODULE_PARM_DESC(alpha, "growth per round trip, in 1024ths of a segment");

static unsigned int beta __read_mostly = 512;
module_param(beta, uint, 0444);
MODULE_PARM_DESC(beta, "what is kept of the window at a loss, in 1024ths");

/* What it remembers of each connection: at most ICSK_CA_PRIV_SIZE bytes. */
struct aimd_state {
	u32 last_max;	/* the window at the last loss, in segments */
	u32 losses;
};

static void aimd_init(struct sock *sk)
{
	struct aimd_state *ca = inet_csk_ca(sk);

	ca->last_max = 0;
	ca->losses = 0;
}

/* With every acknowledgment that moves snd_una: how many segments it acked. */
static void aimd_cong_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct aimd_state *ca = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	trace_aimd_window(sk, ca->last_max, ca->losses);
	if (!tcp_is_cwnd_limited(sk))
		return;		/* the window is not what holds it back */
	if (tcp_in_slow_start(tp)) {
		acked = tcp_slow_start(tp, acked);
		if (!acked)
			return;
	}
	/* one segment more for each cwnd * 1024 / alpha that are acked */
	tcp_cong_avoid_ai(tp, max(tcp_snd_cwnd(tp) * 1024 / max(alpha, 1U), 1U), acked);
}

/* At a loss: the threshold to which the window falls. */
static u32 aimd_ssthresh(struct sock *sk)
{
	struct aimd_state *ca = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	ca->last_max = tcp_snd_cwnd(tp);
	ca->losses++;
	pr_info("loss %u at a window of %u\n", ca->losses, ca->last_max);
	return max(ca->last_max * min(beta, 1024U) / 1024, 2U);
}

static struct tcp_congestion_ops aimd __read_mostly = {
	.init		= aimd_init,
	.cong_avoid	= aimd_cong_avoid,
	.ssthresh	= aimd_ssthresh,
	.undo_cwnd	= tcp_reno_undo_cwnd,
	.owner		= THIS_MODULE,
	.name		= "aimd",
};

static int __init aimd_register(void)
{
	BUILD_BUG_ON(sizeof(struct aimd_state) > ICSK_CA_PRIV_SIZE);
	return tcp_register_congestion_control(&aimd);
}

static void __exit aimd_unregister(void)
{
	tcp_unregister_congestion_control(&aimd);
}

module_init(aimd_register);
module_exit(aimd_unregister);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("TCP aimd: AIMD(alpha, beta)");
