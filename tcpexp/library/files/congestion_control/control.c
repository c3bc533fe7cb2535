// SPDX-License-Identifier: GPL-2.0
/*
 * @name@: a congestion control in which everything can be changed.
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
#include "@name@_trace.h"

static unsigned int alpha __read_mostly = 1024;
module_param(alpha, uint, 0444);
MODULE_PARM_DESC(alpha, "growth per round trip, in 1024ths of a segment");

static unsigned int beta __read_mostly = 512;
module_param(beta, uint, 0444);
MODULE_PARM_DESC(beta, "what is kept of the window at a loss, in 1024ths");

/* What it remembers of each connection: at most ICSK_CA_PRIV_SIZE bytes. */
struct @name@_state {
	u32 last_max;	/* the window at the last loss, in segments */
	u32 losses;
};

static void @name@_init(struct sock *sk)
{
	struct @name@_state *ca = inet_csk_ca(sk);

	ca->last_max = 0;
	ca->losses = 0;
}

/* With every acknowledgment that moves snd_una: how many segments it acked. */
static void @name@_cong_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct @name@_state *ca = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	trace_@name@_window(sk, ca->last_max, ca->losses);
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
static u32 @name@_ssthresh(struct sock *sk)
{
	struct @name@_state *ca = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	ca->last_max = tcp_snd_cwnd(tp);
	ca->losses++;
	pr_info("loss %u at a window of %u\n", ca->losses, ca->last_max);
	return max(ca->last_max * min(beta, 1024U) / 1024, 2U);
}

static struct tcp_congestion_ops @name@ __read_mostly = {
	.init		= @name@_init,
	.cong_avoid	= @name@_cong_avoid,
	.ssthresh	= @name@_ssthresh,
	.undo_cwnd	= tcp_reno_undo_cwnd,
	.owner		= THIS_MODULE,
	.name		= "@name@",
};

static int __init @name@_register(void)
{
	BUILD_BUG_ON(sizeof(struct @name@_state) > ICSK_CA_PRIV_SIZE);
	return tcp_register_congestion_control(&@name@);
}

static void __exit @name@_unregister(void)
{
	tcp_unregister_congestion_control(&@name@);
}

module_init(@name@_register);
module_exit(@name@_unregister);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("TCP @name@: AIMD(alpha, beta)");
