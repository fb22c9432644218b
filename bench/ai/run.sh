#!/usr/bin/env bash
# run.sh [N]: the model gateway beside nginx as plain proxy, Portkey's gateway and LiteLLM, all before the
# same provider. N: rounds of the first-event part. Cove writes its rows as always.
# COVE_BENCH_LITELLM names a Python environment with LiteLLM in it; it is made where there is none, which
# takes a minute. Without it that row says so.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. bench/lib.sh
n=${1:-500} seconds=${COVE_BENCH_SECONDS:-5} many=${COVE_BENCH_MANY:-1000}
bin=build/bin/cove_bench_ai
begin
ulimit -n "$(ulimit -Hn)"

"$bin" provider >"$work/provider" &
pids+=($!)
filled "$work/provider"
provider=$(cat "$work/provider")
export OPENAI_API_KEY=bench-key COVE_BENCH_PROVIDER=http://127.0.0.1:$provider/v1
start_cove "[ai.providers.openai]
base_url = \"http://127.0.0.1:$provider/v1\""
front=$(pgrep -P "$runner" -x cove-front | head -n 1)
path=v1/chat/completions
ways=(--peer "direct=$provider/$path" --peer "Cove=${url##*:}/ai/openai/$path" --Cove "$front")

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }

port=$(free_port)
cat >"$work/nginx.conf" <<END
daemon off; pid $work/nginx.pid; error_log stderr crit; worker_processes 1; worker_rlimit_nofile 20000; user root;
events { worker_connections 9000; }
http { access_log off; keepalive_requests 1000000; client_body_temp_path $work/body;
  upstream provider { server 127.0.0.1:$provider; keepalive 1024; }
  server { listen 127.0.0.1:$port;
    location / { proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; } } }
END
nginx -c "$work/nginx.conf" 2>"$work/nginx.log" &
pids+=($!)
listening "$port"
ways+=(--peer "nginx=$port/$path" --nginx "$(pgrep -P "${pids[-1]}" | head -n 1)")

portkey=()
if npm install --silent --no-fund --no-audit --prefix "$work/portkey" @portkey-ai/gateway@1.15.2 >"$work/npm.log" 2>&1; then
  port=$(free_port)
  node "$work/portkey/node_modules/@portkey-ai/gateway/build/start-server.js" --port="$port" --headless >"$work/portkey.log" 2>&1 &
  pids+=($!)
  listening "$port"
  portkey=(--peer "Portkey=$port/$path")
else
  echo "Portkey did not install; the end of npm's words: $(tail -n 1 "$work/npm.log")" >&2
fi

# Without its database: it keeps no rows. Its first start compiles what pip has installed.
litellm=() litellm_version=1.106.2 venv=${COVE_BENCH_LITELLM:-}
if [ -n "$venv" ] && [ ! -x "$venv/bin/litellm" ]; then
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "litellm[proxy]==$litellm_version" >"$work/pip.log" 2>&1 ||
    echo "LiteLLM did not install; the end of pip's words: $(tail -n 1 "$work/pip.log")" >&2
fi
if [ -n "$venv" ] && [ -x "$venv/bin/litellm" ]; then
  port=$(free_port)
  cat >"$work/litellm.yaml" <<END
model_list: [{model_name: small, litellm_params: {model: openai/small, api_base: "$COVE_BENCH_PROVIDER", api_key: bench-key}}]
litellm_settings: {telemetry: false}
END
  LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_LOG=ERROR LITELLM_MASTER_KEY=$COVE_ADMIN_KEY "$venv/bin/litellm" --config "$work/litellm.yaml" \
    --host 127.0.0.1 --port "$port" >"$work/litellm.log" 2>&1 &
  pids+=($!)
  listening "$port" 90
  litellm=(--peer "LiteLLM=$port/$path")
fi

# Portkey's streams end with an error of its own on Node 20 ("immutable" headers): only small calls.
echo "## ai"
machine
echo
"$bin" idle --many "$many" "${ways[@]}"
echo
"$bin" first-byte --rounds "$n" "${ways[@]}"
echo
"$bin" calls --seconds "$seconds" "${ways[@]}" "${portkey[@]}" "${litellm[@]}"
[ -n "${litellm[*]}" ] || echo '| LiteLLM | | | not on this machine | | |'
echo
"$bin" streams --many "$many" "${ways[@]}"
