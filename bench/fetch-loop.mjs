// The ideal to hold `policykeys list` against: global fetch over the same pages, printed as JSON.
const items = [];
for (let url = `${process.argv[2]}/beta/trustFramework/keySets`; url !== undefined;) {
  const response = await fetch(url, { headers: { authorization: `Bearer ${'x'.repeat(1500)}` } });
  const page = await response.json();
  items.push(...page.value);
  url = page['@odata.nextLink'];
}
process.stdout.write(JSON.stringify(items, null, 2));
