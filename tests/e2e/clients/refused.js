// Sends a body that the server refuses, and prints the status and the `Retry-After` of the response.
// Usage: refused.js CLIENT URL BYTES, where CLIENT is http or fetch.
const [client, url, size] = process.argv.slice(2);
const body = Buffer.alloc(Number(size));

function print(status, retryAfter) {
  console.log(status, retryAfter ?? "None");
  process.exit(0);
}

if (client === "fetch") {
  fetch(url, { method: "POST", body }).then(async (response) => {
    JSON.parse(await response.text()).error.length;
    print(response.status, response.headers.get("retry-after"));
  });
} else {
  const request = require("http").request(url, { method: "POST", headers: { "content-length": body.length } });
  request.on("response", (response) => {
    let text = "";
    response.on("data", (chunk) => (text += chunk));
    response.on("end", () => {
      JSON.parse(text).error.length;
      print(response.statusCode, response.headers["retry-after"]);
    });
  });
  request.end(body);
}
