// Answers with what it was sent; /to?… redirects to the name in the argument with the same query.
export function handle(req, res, argument) {
  const query = req.url.includes('?') ? req.url.slice(req.url.indexOf('?')) : '';
  if (req.url.startsWith('/to')) {
    res.writeHead(302, { location: `https://${argument}/landed${query}` }).end();
    return;
  }
  const text = JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body: req.body.toString() });
  res.writeHead(200, { 'content-type': 'application/json', 'x-echo': req.headers['x-api-key'] ?? 'none' }).end(text);
}
