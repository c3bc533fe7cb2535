// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * greedy: a congestion control that knows no congestion. It grows as Reno does,
 * and gives nothing back at a loss. What it does to others is what evaluations
 * are there to find: tcpexp evaluate greedy.c (docs/guides/evaluate.md).
 */
#include <linux/module.h>
#include <net/tcp.h>

/* What is left of the window after a loss: all of it. */
static u32 greedy_ssthresh(struct sock *sk)
{
	return tcp_snd_cwnd(tcp_sk(sk));
}

static struct tcp_congestion_ops greedy __read_mostly = {
	.cong_avoid	= tcp_reno_cong_avoid,
	.ssthresh	= greedy_ssthresh,
	.undo_cwnd	= tcp_reno_undo_cwnd,
	.owner		= THIS_MODULE,
	.name		= "greedy",
};

static int __init greedy_register(void)
{
	return tcp_register_congestion_control(&greedy);
}

static void __exit greedy_unregister(void)
{
	tcp_unregister_congestion_control(&greedy);
}

module_init(greedy_register);
module_exit(greedy_unregister);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("TCP greedy: no answer to congestion");
