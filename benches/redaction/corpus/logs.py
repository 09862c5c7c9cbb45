"""Ordinary log lines of many programs, without anything personal but addresses of machines: for counting false alarms.

A hole is `{kind}` or `{kind:argument}`; the kinds are at the end of the file.
"""

import random
import re
import uuid

TEMPLATES = """
{ip} - - [{clf}] "GET /{path} HTTP/1.1" {status} {n:6} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n:3}.0.{n:4}.{n:3} Safari/537.36"
{ip} - - [{clf}] "POST /{path}?page={n:3}&limit={n:2} HTTP/2.0" {status} {n:5} {float} {float}
{date} {clock} [error] {n:4}#{n:4}: *{n:7} upstream timed out (110: Connection timed out) while reading response header from upstream, upstream: "http://{ip}:{port}/{path}"
[{apache}] [core:error] [pid {n:6}:tid {n:15}] [client {ip}:{port}] AH00126: Invalid URI in request GET /{path}
haproxy[{n:5}]: {ip}:{port} [{clf}] http-in app/srv{n:2} {n:2}/0/{n:2}/{n:3}/{n:4} {status} {n:5} - - ---- {n:3}/{n:3}/0/0/0 0/0 "GET /{path} HTTP/1.1"
{iso} INFO  [{thread}] o.a.h.hdfs.StateChange: BLOCK* allocate blk_{n:19}_{n:7}, replicas={ip}:50010, {ip}:50010 for /user/root/rand/_temporary/_task_{n:12}_{n:4}_m_{n:6}_0/part-{n:5}
{compact} {n:3} INFO dfs.DataNode$PacketResponder: PacketResponder {n:1} for block blk_-{n:19} terminating
{compact} {n:4} INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip}:50010 is added to blk_{n:19} size {n:8}
{slashdate} {clock} INFO executor.Executor: Running task {n:3}.0 in stage {n:2}.0 (TID {n:5})
{slashdate} {clock} INFO storage.MemoryStore: Block broadcast_{n:3} stored as values in memory (estimated size {n:3}.{n:1} KB, free {n:2}.{n:1} GB)
{slashdate} {clock} INFO storage.ShuffleBlockFetcherIterator: Getting {n:4} non-empty blocks out of {n:4} blocks, {n:12} bytes
{slashdate} {clock} WARN scheduler.TaskSetManager: Lost task {n:3}.{n:1} in stage {n:2}.0 (TID {n:6}, worker-{n:2}.cluster.internal, executor {n:3}): ExecutorLostFailure
{syslog} {host} sshd[{n:5}]: Received disconnect from {ip} port {port}:11: Bye Bye [preauth]
{syslog} {host} sshd[{n:5}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}
{syslog} {host} kernel: [{n:6}.{n:6}] usb 1-{n:1}: new high-speed USB device number {n:2} using xhci_hcd
{syslog} {host} kernel: [{n:7}.{n:6}] BUG: unable to handle page fault for address: {hex:16}
{syslog} {host} kernel: [{n:6}.{n:6}] RIP: 0010:ext4_readdir+0x{hex:3}/0x{hex:3} RSP: 0018:{hex:16} EFLAGS: 00010246
{syslog} {host} kernel: RAX: {hex:16} RBX: {hex:16} RCX: {hex:16}
{syslog} {host} kernel: Out of memory: Killed process {n:5} (java) total-vm:{n:8}kB, anon-rss:{n:7}kB, file-rss:{n:4}kB, shmem-rss:0kB, UID:1000 pgtables:{n:5}kB oom_score_adj:{n:3}
{syslog} {host} systemd[1]: session-{n:5}.scope: Succeeded. Consumed {n:1}min {n:2}.{n:3}s CPU time
{syslog} {host} CRON[{n:6}]: (root) CMD (/usr/local/bin/rotate --keep {n:2} --max {n:9})
{syslog} {host} dhclient[{n:4}]: DHCPREQUEST on eth0 to {ip} port 67 (xid=0x{hex:8})
{syslog} {host} ntpd[{n:5}]: synchronized to {ip}, stratum {n:1}; offset {float}
{syslog} {host} snmpd[{n:4}]: Connection from UDP: [{ip}]:{port}
{syslog} {host} dockerd[{n:4}]: time="{iso}" level=info msg="ignoring event" container={hex:64} module=libcontainerd topic=/tasks/delete type="*events.TaskDelete"
{klog} {n:7} kubelet.go:{n:4}] "SyncLoop (PLEG): event for pod" pod="shop/checkout-{hex:10}-{low:5}" event={{"ID":"{uuid}","Type":"ContainerStarted","Data":"{hex:64}"}}
{klog} {n:6} reconciler.go:{n:3}] "operationExecutor.VerifyControllerAttachedVolume started for volume \\"kube-api-access-{low:5}\\" (UniqueName: \\"kubernetes.io/projected/{uuid}-kube-api-access-{low:5}\\")"
{klog} {n:6} trace.go:{n:3}] Trace[{n:10}]: "List" url:/api/v1/pods,user-agent:kube-controller-manager/v1.{n:2}.{n:1} (linux/amd64) kubernetes/{hex:7} ({clock}) (total time: {n:4}ms)
{iso} {level} {n:5} --- [{thread}] c.e.shop.order.OrderService : order {n:10} moved from NEW to PAID in {n:4} ms
{iso} {level} {n:5} --- [{thread}] o.h.engine.jdbc.spi.SqlExceptionHelper : SQL Error: {n:4}, SQLState: {n:5}
{iso} {level} [{thread}] [traceId={hex:32} spanId={hex:16}] com.example.billing.InvoiceJob - invoice run {n:8}: {n:5} invoices, total {n:7}.{n:2} EUR
[{iso}][info][gc] GC({n:5}) Pause Young (Normal) (G1 Evacuation Pause) {n:4}M->{n:4}M({n:5}M) {float}ms
#  SIGSEGV (0xb) at pc=0x{hex:16}, pid={n:6}, tid={n:6}
	at com.example.shop.{word}.{Word}Service.handle({Word}Service.java:{n:3}) ~[shop-{n:1}.{n:2}.{n:1}.jar:{n:1}.{n:2}.{n:1}]
Caused by: java.net.SocketTimeoutException: Read timed out after {n:5} ms (attempt {n:1}, connection id {n:8})
goroutine {n:6} [running]: main.(*Server).handle(0xc{hex:9}, 0xc{hex:9}) /app/server.go:{n:4} +0x{hex:3}
{{"level":"info","ts":17{n:8}.{n:7},"caller":"etcdserver/server.go:{n:4}","msg":"saved snapshot","snapshot-index":{n:9},"local-member-id":"{hex:16}"}}
{{"time":"{iso}","level":"WARN","msg":"slow query","duration_ms":{n:5},"rows":{n:7},"fingerprint":"{hex:16}","query_id":{n:19}}}
{{"@timestamp":"{iso}","log.level":"{level}","trace.id":"{hex:32}","transaction.id":"{hex:16}","message":"shard [{n:2}] of [{word}-{n:4}.{n:2}.{n:2}] moved to node {b62:22}"}}
time={iso} level=debug component=tsdb msg="compact blocks" count={n:2} mint={ms} maxt={ms} ulid=01{up:24} duration={float}s
ts={iso} caller=memberlist_logger.go:{n:2} level={level} msg="Suspect ingester-{n:2} has failed, no acks received" nonce={n:19}
{date} {clock} UTC [{n:5}] LOG:  checkpoint complete: wrote {n:5} buffers ({n:2}.{n:1}%); 0 WAL file(s) added, 0 removed, {n:2} recycled; lsn={HEX:1}/{HEX:8}
{date} {clock} UTC [{n:5}] STATEMENT:  SELECT id, total FROM orders WHERE batch = $1 LIMIT $2
{iso} {n:6} [Note] InnoDB: page_cleaner: {n:4}ms intended loop took {n:5}ms. The settings might not be optimal. (flushed={n:4} and evicted=0)
{n:6}:M {n:2} Nov 2026 {clock} * Background saving terminated with success; key slots {n:5}, replication id {hex:40}
[{iso}] INFO [GroupCoordinator {n:4}]: Preparing to rebalance group orders-{n:2} in state PreparingRebalance with old generation {n:4} (__consumer_offsets-{n:2}) (kafka.coordinator.group.GroupCoordinator)
[{iso}] INFO [Log partition=orders-{n:2}, dir=/var/lib/kafka] Rolled new log segment at offset {n:12} in {n:2} ms. (kafka.log.Log)
rabbitmq {date} {clock}.{n:3} [info] <0.{n:6}.{n:2}> accepting AMQP connection <0.{n:6}.{n:2}> ({ip}:{port} -> {ip}:5672)
Deploying {word} at commit {hex:40} (tree {hex:40}), build {n:6}, image sha256:{hex:64}
Step {n:2}/{n:2} : COPY --from=build /out/{word} /usr/bin/{word} ---> Using cache ---> {hex:12}
npm http fetch GET 200 https://registry.npmjs.org/{word} {n:4}ms (cache hit) integrity sha512-{b64:86}==
go: downloading github.com/{word}/{word} v{n:1}.{n:2}.{n:1}-0.{n:14}-{hex:12}
    Finished `release` profile [optimized] target(s) in {n:2}.{n:2}s; fingerprint {hex:16}
[{clock}] celery.worker.strategy INFO Task shop.tasks.{word}[{uuid}] received
{date} {clock},{n:3} {level} django.request Not Found: /{path}/{n:8}/
Completed 200 OK in {n:3}ms (Views: {n:2}.{n:1}ms | ActiveRecord: {n:2}.{n:1}ms | Allocations: {n:6}) [{uuid}]
REPORT RequestId: {uuid} Duration: {n:4}.{n:2} ms Billed Duration: {n:4} ms Memory Size: {n:4} MB Max Memory Used: {n:3} MB XRAY TraceId: 1-{hex:8}-{hex:24}
{n:1} {n:12} eni-{hex:17} {ip} {ip} {port} {port} 6 {n:3} {n:6} 17{n:8} 17{n:8} ACCEPT OK
h2 {iso} app/shop/{hex:16} {ip}:{port} {ip}:80 0.{n:3} 0.{n:3} 0.{n:3} 200 200 {n:3} {n:5} "Root=1-{hex:8}-{hex:24}"
metric http_server_duration_bucket{{le="{n:4}"}} {n:9} {ms}
envoy [{iso}] "GET /{path} HTTP/2" {status} - {n:3} {n:5} {n:3} {n:3} "-" "grpc-go/1.{n:2}.0" "{uuid}" "{word}:8080" "{ip}:{port}"
lustre: {n:5}:{n:4}:(client.c:{n:4}:ptlrpc_expire_one_request()) @@@ Request sent has timed out [sent 17{n:8}/real 17{n:8}] req@{hex:16} x{n:16}/t0(0)
ib_sm.x[{n:5}]: [ib_sm_sweep.c:{n:4}]: No topology change, lid {n:5}, guid 0x{hex:16}
zk: Established session 0x{hex:16} with negotiated timeout {n:5} for client /{ip}:{port}
consul: raft: pipelining replication to peer {ip}:8300 index={n:9} term={n:4}
vault: core: seal status changed, lease count {n:6}, accessor expired in {n:5}s
token bucket {word} refilled to {n:5} tokens; key space {n:4} of {n:5}; secret rotation job {n:6} skipped
certificate serial {hex:36} not after 2027-{n:2} fingerprint {colons}
sensor {n:4}: lat={latlon} lon={latlon} alt={n:4}.{n:2} speed={n:2}.{n:3} heading={n:3}
train: epoch {n:3} step {n:7} loss 0.{n:16} lr {n:1}.{n:9}e-05 tokens {n:11} grad_norm {float}
GPU 0: {n:2}C, {n:3}W / 400W, {n:5}MiB / 81920MiB, ECC {n:12}, serial {n:13}
mail queue {HEX:10}: size={n:6}, nrcpt={n:1} (queue active), delay={float}, delays={float}/{float}/0/{float}
backup: object {word}/{date}/part-{n:5}.parquet etag "{hex:32}-{n:2}" size {n:12} version {b62:32}
test {word}_{word} ... ok ({n:3} passed, {n:2} ignored; finished in {n:2}.{n:2}s) seed {n:19}
order={n:16} sku={up:4}-{n:4}-{n:4} qty={n:2} price={n:4}.{n:2} warehouse={n:3} tracking=1Z{up:6}{n:10}
retry {n:1}/5 for job {ms}-{n:1}, next at {iso}, backoff {n:4}ms, last code {n:4}
isbn 978-{n:1}-{n:3}-{n:5}-{n:1} indexed, ean {n:13}, doc {n:8}
""".strip("\n").split("\n")

PATHS = ["health", "api/v1/orders", "static/js/app.{hex:8}.js", "images/{n:6}.png", "search", "api/v2/items/{n:9}", "cart/{uuid}", "reports/2026/{n:2}"]
WORDS = ["order", "cart", "billing", "search", "catalog", "worker", "gateway", "shipping", "ledger", "queue"]
HOLE = re.compile(r"\{\{|\}\}|\{(\w+)(?::(\d+))?\}")


def generate(count, seed):
    """`count` lines, the templates in turn."""
    rng = random.Random(f"{seed}/logs")
    return [line(TEMPLATES[at % len(TEMPLATES)], rng) for at in range(count)]


def line(template, rng):
    def hole(match):
        if match[0] in ("{{", "}}"):
            return match[0][0]
        return KINDS[match[1]](rng, int(match[2] or 0))

    return HOLE.sub(hole, template)


def letters(alphabet):
    return lambda rng, n: "".join(rng.choice(alphabet) for _ in range(n))


def number(rng, n):
    return str(rng.randint(10 ** (n - 1) if n > 1 else 0, 10**n - 1))


def clock(rng):
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"


def day(rng):
    return rng.randint(1, 28)


LOWER = "abcdefghijklmnopqrstuvwxyz"
KINDS = {
    "n": number,
    "ms": lambda rng, _: str(rng.randint(1_700_000_000_000, 1_795_000_000_000)),
    "hex": letters("0123456789abcdef"),
    "HEX": letters("0123456789ABCDEF"),
    "low": letters(LOWER + "0123456789"),
    "up": letters(LOWER.upper() + "0123456789"),
    "b62": letters(LOWER + LOWER.upper() + "0123456789"),
    "b64": letters(LOWER + LOWER.upper() + "0123456789+/"),
    "uuid": lambda rng, _: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "ip": lambda rng, _: ".".join(str(rng.randint(1, 254)) for _ in range(4)),
    "port": lambda rng, _: str(rng.randint(1024, 65535)),
    "status": lambda rng, _: str(rng.choice([200, 200, 201, 204, 301, 304, 400, 404, 500, 502, 503])),
    "float": lambda rng, _: f"{rng.uniform(0, 100):.{rng.randint(2, 6)}f}",
    "latlon": lambda rng, _: f"{rng.uniform(-89, 89):.{rng.randint(4, 12)}f}",
    "path": lambda rng, _: line(rng.choice(PATHS), rng),
    "word": lambda rng, _: rng.choice(WORDS),
    "Word": lambda rng, _: rng.choice(WORDS).title(),
    "host": lambda rng, _: f"{rng.choice(WORDS)}-{rng.randint(1, 99)}",
    "thread": lambda rng, _: f"http-nio-8080-exec-{rng.randint(1, 200)}",
    "level": lambda rng, _: rng.choice(["INFO", "WARN", "ERROR", "DEBUG"]),
    "clock": lambda rng, _: clock(rng),
    "date": lambda rng, _: f"2026-{rng.randint(1, 12):02}-{day(rng):02}",
    "slashdate": lambda rng, _: f"26/{rng.randint(1, 12):02}/{day(rng):02}",
    "compact": lambda rng, _: f"26{rng.randint(1, 12):02}{day(rng):02} {clock(rng).replace(':', '')}",
    "iso": lambda rng, _: f"2026-{rng.randint(1, 12):02}-{day(rng):02}T{clock(rng)}.{number(rng, 3):0>3}Z",
    "clf": lambda rng, _: f"{day(rng):02}/Nov/2026:{clock(rng)} +0000",
    "apache": lambda rng, _: f"Wed Nov {day(rng):02} {clock(rng)}.{number(rng, 6)} 2026",
    "syslog": lambda rng, _: f"Nov {day(rng):2} {clock(rng)}",
    "klog": lambda rng, _: f"I11{day(rng):02} {clock(rng)}.{number(rng, 6)}",
    "colons": lambda rng, _: ":".join(f"{rng.randint(0, 255):02X}" for _ in range(20)),
}  # fmt: skip
