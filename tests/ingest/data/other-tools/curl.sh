#!/usr/bin/env bash
# Make the captures that another tool than tcpexp recorded (curl-client.pcap, curl-server.pcap): curl fetches 300 kB through a router that drops every 40th packet.
#
#   sudo tests/ingest/data/other-tools/curl.sh DIRECTORY
#
# Three namespaces: client, router, server. The router's queue towards the client (tbf, 8 Mbit/s) makes the round-trip time, its firewall
# (statistic, nth) the loss. tcpdump records at both ends with its defaults (times in µs) but for a snaplen of 96 bytes.
# Offloads are off: segments are captured as they are sent, with their checksums.
set -euo pipefail
out=${1:?directory}
names=(fx-client fx-router fx-server)
trap 'kill $(jobs -p) 2>/dev/null || true; for n in "${names[@]}"; do ip netns del $n 2>/dev/null || true; done' EXIT
for n in "${names[@]}"; do ip netns add "$n"; ip -n "$n" link set lo up; done
join() { # namespace, its address, the router's interface and address
  ip link add eth0 netns "$1" type veth peer name "$3" netns fx-router
  ip -n "$1" addr add "$2/24" dev eth0
  ip -n fx-router addr add "$4/24" dev "$3"
  ip -n "$1" link set eth0 up
  ip -n fx-router link set "$3" up
  ip -n "$1" route add default via "$4"
  ip netns exec "$1" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
  ip netns exec fx-router ethtool -K "$3" tx off tso off gso off gro off >/dev/null
}
join fx-client 10.9.1.1 left 10.9.1.254
join fx-server 10.9.2.1 right 10.9.2.254
ip netns exec fx-router sysctl -qw net.ipv4.ip_forward=1
ip netns exec fx-router tc qdisc add dev left root tbf rate 8mbit burst 3000 limit 60000
ip netns exec fx-router iptables -A FORWARD -p tcp --sport 8000 -m length --length 1000: -m statistic --mode nth --every 40 --packet 20 -j DROP
www=$(mktemp -d)
head -c 300000 /dev/zero >"$www/file"
(cd "$www" && exec ip netns exec fx-server python3 -m http.server 8000 --bind 10.9.2.1) >/dev/null 2>&1 &
for end in client server; do
  ip netns exec "fx-$end" tcpdump -i eth0 -s 96 -U -w "$out/curl-$end.pcap" tcp 2>"$out/$end.log" &
done
sleep 1.5
ip netns exec fx-client curl -s -o /dev/null http://10.9.2.1:8000/file
sleep 1.5
