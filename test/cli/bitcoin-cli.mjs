// What documented sessions use of bitcoin-cli, for machines that have bitcoind without it, as in a container: each call is
// one request to the node of BITCOIN_RPC, whose answer is printed as bitcoin-cli prints it.
const { origin, username, password, pathname } = new URL(process.env.BITCOIN_RPC);
const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

async function call(method, ...params) {
  const body = JSON.stringify({ id: 1, method, params });
  const response = await fetch(origin + pathname, { method: "POST", headers: { authorization }, body });
  const { result, error } = await response.json();
  if (error) throw new Error(`error code: ${error.code}\nerror message:\n${error.message}`);
  return result;
}

const [method, ...words] = process.argv.slice(2).filter((word) => word !== "-regtest");
const params = words.map((word) => (/^(?:\d+$|\[)/.test(word) ? JSON.parse(word) : word));
const result =
  method === "-generate"
    ? await call("generatetoaddress", params[0], await call("getnewaddress"))
    : await call(method, ...params);
process.stdout.write(`${typeof result === "string" ? result : JSON.stringify(result, null, 2)}\n`);
