# SPDX-License-Identifier: GPL-2.0-only
#
#     docker build --target memgap -t memgap .
#     docker build --target workload -t memgap-workload .
#
# memgap beside a container, on the same host:
#
#     docker run -d --name web --memory 200m --cpus 0.5 memgap-workload seed
#     docker run --rm --privileged --pid=host --cgroupns=host --network=none \
#         -v /sys/fs/cgroup:/sys/fs/cgroup:ro -v /sys/kernel/tracing:/sys/kernel/tracing:ro \
#         memgap watch -p "$(docker inspect --format '{{.State.Pid}}' web)" --trim-at 100MiB --force
#
# `make images` does the first with Docker or Podman. Where there is no image registry, run
# tests/container/base-image.sh before: it makes debian:bookworm-slim.

FROM debian:bookworm-slim AS build
ARG DEBIAN_FRONTEND=noninteractive
WORKDIR /src
# What `make deps-build` runs, without the Makefile: an edit of that does not install the packages again.
COPY tests/deps.sh tests/
RUN apt-get update \
    && tests/deps.sh build \
    && rm -rf /var/lib/apt/lists/*
COPY Makefile VERSION ./
COPY tests/*.mk tests/
COPY vmlinux vmlinux
COPY bpf bpf
COPY preload preload
COPY workload workload
COPY user user
RUN make -j"$(nproc)"

FROM debian:bookworm-slim AS memgap
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends libbpf1 libelf1 libzydis4.0 zlib1g libcurl4 libjansson4 libmicrohttpd12 libgnutls30 libcrypt1 libzstd1 libncursesw6 \
    && rm -rf /var/lib/apt/lists/*
COPY LICENSE /usr/share/doc/memgap/copyright
COPY --from=build /src/build/memgap /usr/local/bin/memgap
ENTRYPOINT ["memgap"]

FROM debian:bookworm-slim AS workload
COPY LICENSE /usr/share/doc/memgap/copyright
COPY --from=build /src/build/workload /usr/local/bin/workload
ENTRYPOINT ["workload"]
