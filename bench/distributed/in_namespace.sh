#!/usr/bin/env bash
# mpirun's remote shell for the namespaces of shaped_network: in_namespace.sh 10.77.0.K COMMAND... runs it in the K-th.
host=$1
shift
exec ip netns exec "rondo$((${host##*.} - 1))" bash -c "$*"
