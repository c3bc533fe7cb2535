/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What aimd shows about itself: the variables of a tracepoint. tcpexp records
 * every tracepoint that a module brings. "skaddr" says whose record it is; the
 * other numbers are drawn by the plot "variables", with the unit that stands
 * behind them in TP_printk.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM aimd

#if !defined(_TRACE_aimd_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_aimd_H
#include <linux/tracepoint.h>

TRACE_EVENT(aimd_window,
	TP_PROTO(const struct sock *sk, u32 last_max, u32 losses),
	TP_ARGS(sk, last_max, losses),
	TP_STRUCT__entry(
		__field(const void *, skaddr)
		__field(u32, last_max)
		__field(u32, losses)
	),
	TP_fast_assign(
		__entry->skaddr = sk;
		__entry->last_max = last_max;
		__entry->losses = losses;
	),
	TP_printk("last_max=%u segments losses=%u", __entry->last_max, __entry->losses)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE aimd_trace
#include <trace/define_trace.h>
