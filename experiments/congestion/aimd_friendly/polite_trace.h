/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What polite shows about itself: the variables of a tracepoint. tcpexp records
 * every tracepoint that a module brings. "skaddr" says whose record it is; the
 * other numbers are drawn by the plot "variables", with the unit that stands
 * behind them in TP_printk.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM polite

#if !defined(_TRACE_polite_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_polite_H
#include <linux/tracepoint.h>

TRACE_EVENT(polite_delay,
	TP_PROTO(const struct sock *sk, u32 queue_us, u32 min_rtt_us),
	TP_ARGS(sk, queue_us, min_rtt_us),
	TP_STRUCT__entry(
		__field(const void *, skaddr)
		__field(u32, queue_us)
		__field(u32, min_rtt_us)
	),
	TP_fast_assign(
		__entry->skaddr = sk;
		__entry->queue_us = queue_us;
		__entry->min_rtt_us = min_rtt_us;
	),
	TP_printk("queue_us=%u us min_rtt_us=%u us", __entry->queue_us,
		  __entry->min_rtt_us)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE polite_trace
#include <trace/define_trace.h>
