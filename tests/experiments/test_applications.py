"""Applications and flow control: each experiment passes in the guest, and a changed mechanism fails
the checks that are about it.
"""

from __future__ import annotations

from tests.support.twins import ExperimentTests, Twin


class TestApplications(ExperimentTests):
    twins = (
        Twin(  # 9 nodes; and a client that tells the truth
            "linked_list",
            (
                'actions[honest].args=[send, --to, "{h2}", --port, 5000, --nodes, 9]',
                'actions[circle].args=[send, --to, "{h2}", --port, 5000, --nodes, 10]',
            ),
            (
                "bytes in events 'sent' of action honest",
                "price in events 'node'",
                "end of action circle",
                "output of action circle",
            ),
            ("output of action truncated",),
        ),
        Twin(  # prices that are numbers, and a client that tells the truth: nothing crashes
            "own_programs",
            (
                "actions[wrong].args=['{h2}', 5000]",
                "actions[wrong].expect_status=0",
                "actions[liar].args=['{h2}', 5001]",
            ),
            (
                "end of action wrong",
                "output of action wrong",
                "end of action careless",
                "resets from h2 port 5001",
                "end of action liar",
            ),
            ("output of action honest", "end of action honest"),
        ),
        Twin(  # a send buffer that holds everything: no write waits
            "send_chunk_size",
            ('hosts={h1: {sysctls: {net.ipv4.tcp_wmem: "4096 8388608 8388608"}}}',),
            (
                "blocked in events 'sent' of action chunk_100",
                "blocked_us in events 'sent' of action chunk_10k",
            ),
            ("bytes in events 'list' of action server_100",),
        ),
        Twin(  # the same list over IPv4
            "linked_list_ipv6",
            ("topology.ip=4",),
            (
                "option mss in the SYNs of h1",
                "max payload of segments of flow honest",
                "family AF_INET6 of action honest",
            ),
            ("price in events 'node'", "output of action circle"),
        ),
        Twin(
            "send_chunk_size_ipv6",
            ('hosts={h1: {sysctls: {net.ipv4.tcp_wmem: "4096 8388608 8388608"}}}',),
            (
                "blocked in events 'sent' of action chunk_100",
                "blocked_us in events 'sent' of action chunk_10k",
            ),
            (
                "bytes in events 'list' of action server_100",
                "max payload of segments of flow chunk_100",
            ),
        ),
        Twin(
            "echo",
            ("links.h1-h2.delay=20ms",),
            ("took_us in events 'call' with call connect of action tcp_client",),
            ("end of action tcp_client",),
        ),
        Twin(
            "echo",
            ("actions[6].drop={protocol: tcp, port: 7}",),
            ("end of action udp_lost", "events 'echo' with same False of action udp_lost"),
        ),
        Twin(  # paced as the reader reads
            "udp_no_flow_control",
            (
                (
                    'actions[udp_sender].args=[send, --to, "{h2}", --port, 6000, --size, 1000,'
                    " --count, 200, --every, 12ms]"
                ),
            ),
            (
                "growth of Udp.RcvbufErrors on h2 from 2 s to 6 s",
                "datagrams in events 'end' of action udp_reader",
            ),
            ("output of action tcp_reader",),
        ),
        Twin(  # a TCP reader that is quick
            "udp_no_flow_control",
            ("actions[tcp_reader].args=[--port, 5000, --read, 65536, --every, 0s]",),
            ("window advertised by h2", "goodput of flow tcp"),
            ("growth of Udp.RcvbufErrors on h2 from 2 s to 6 s",),
        ),
        Twin(
            "stop_and_wait",
            ("links.h1-h2.delay=10ms",),
            ("goodput of flow window_1", "goodput of flow window_4", "goodput of flow window_16"),
        ),
        Twin(  # two segments where one is asked
            "stop_and_wait",
            (
                (
                    "actions[3].shell=ip tcp_metrics flush && ip route replace {h2} dev h1-eth0"
                    " cwnd lock 2 && curl -s http://{h2}/"
                ),
            ),
            ("max bytes in flight of flow window_1", "goodput of flow window_1 "),
            ("median bytes in flight of flow window_4", "goodput of flow window_4"),
        ),
        Twin(
            "stop_and_wait",
            ("links.h1-h2.rate=20mbit",),
            ("goodput of flow window_64", "median RTT of flow window_64"),
            ("goodput of flow window_1 ",),
        ),
        Twin(  # neither the server nor the relay's kernel gives up
            "relay_zero_window",
            (
                (
                    "actions[web_timeout].args=[--port, 81, --keep-alive, --generate,"
                    ' "big.bin=1000000:1"]'
                ),
                "hosts.h2.sysctls.net.ipv4.tcp_retries2=8",
            ),
            (
                "output of action web_timeout",
                "sockets in state estab on h1, port 81",
                "end of action paused_timeout",
                "events 'broken'",
            ),
            ("output of action paused", "end of action slow"),
        ),
        Twin(  # the attacker reads after all: its buffer takes everything
            "zero_window_attack",
            (
                (
                    'actions[attack].args=[--to, "{h2}", --port, 80, --path, /index.html,'
                    " --connections, 20, --hold, 65s]"
                ),
                'actions[guarded].args=[--port, 81, --keep-alive, --generate, "big.bin=1000000:1"]',
            ),
            (
                "window advertised by h1",
                "bytes not acknowledged in sockets of h2, port 80",
                "sockets in state estab on h2, port 81",
                "output of action guarded",
            ),
            ("end of action honest",),
        ),
        Twin(
            "zero_window_attack",
            ("hosts.h2.sysctls.net.ipv4.tcp_retries2=15",),
            ("packets labelled keep_alive",),
            ("sockets in state estab on h2, port 80",),
        ),
        Twin(  # without tcp_retries2 = 3 the probes' distance goes on doubling
            "relay_zero_window",
            ("hosts.h1.sysctls.net.ipv4.tcp_retries2=15",),
            ("packets labelled keep_alive",),
            ("end of action paused",),
        ),
    )
