# Two images out of one build: the node proxy (anchor, keeper, cells) and the
# sidecar. Both are one static executable or two on an empty root: no shell, no
# library, nothing to patch. `make image-check` runs the same commands without an
# engine.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY proxy proxy
COPY identity identity
COPY redirect redirect
COPY bench bench
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./cmd/bulkhead-node ./cmd/bulkhead-cell ./cmd/bulkhead-sidecar

# The sidecar: one pod, no privilege but NET_RAW (marks and transparent sockets).
FROM scratch AS sidecar
COPY --from=build /out/bulkhead-sidecar /bulkhead-sidecar
ENTRYPOINT ["/bulkhead-sidecar"]
CMD ["--config", "/etc/bulkhead/sidecar.yaml"]

# The node proxy, last, so that it is the default target.
FROM scratch AS node
COPY --from=build /out/bulkhead-node /out/bulkhead-cell /
ENTRYPOINT ["/bulkhead-node"]
CMD ["--config", "/etc/bulkhead/node.yaml"]
