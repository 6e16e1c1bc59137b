# SPDX-License-Identifier: GPL-2.0-only
#
#     docker build --target memgap -t memgap .
#     docker build --target workload -t memgap-workload .
#
# Without an image registry, tests/container/base-image.sh makes the base first. How to run the two together:
# tests/container/README.md.

FROM debian:bookworm-slim AS build
ARG DEBIAN_FRONTEND=noninteractive
WORKDIR /src
RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
# Nothing but the Makefile: as long as it stays the same, so do the installed packages.
COPY Makefile ./
RUN apt-get update \
    && make deps-build \
    && rm -rf /var/lib/apt/lists/*
COPY LICENSE ./
COPY vmlinux vmlinux
COPY bpf bpf
COPY workload workload
COPY user user
RUN make

FROM debian:bookworm-slim AS memgap
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends libbpf1 libelf1 libjansson4 zlib1g \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/memgap /usr/local/bin/memgap
ENTRYPOINT ["memgap"]

FROM debian:bookworm-slim AS workload
COPY --from=build /src/build/workload /usr/local/bin/workload
ENTRYPOINT ["workload"]
