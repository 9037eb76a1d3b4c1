/** A bar for each server in each work, relative to the fastest server of that work. */
export function chart(medians: ReadonlyMap<string, ReadonlyMap<string, number>>): string {
  const bar = 18;
  const body: string[] = [];
  let y = 24;
  for (const [work, all] of medians) {
    const servers = new Map([...all].filter(([, value]) => !Number.isNaN(value)));
    const most = Math.max(...servers.values());
    body.push(`<text x="0" y="${y}" font-weight="bold">${work}: requests per second</text>`);
    y += 10;
    for (const [name, value] of servers) {
      const width = Math.round((value / most) * 480);
      const color = name === 'gateway' ? '#2563eb' : '#94a3b8';
      body.push(
        `<text x="92" y="${y + 13}" text-anchor="end">${name}</text>`,
        `<rect x="100" y="${y}" width="${width}" height="${bar - 4}" fill="${color}"/>`,
        `<text x="${106 + width}" y="${y + 13}">${Math.round(value).toLocaleString('en')}</text>`,
      );
      y += bar;
    }
    y += 28;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="680" height="${y}" font-family="sans-serif" font-size="13" role="img">
<title>Requests per second of each server, for each work</title>
<rect width="100%" height="100%" fill="#fff"/>
${body.join('\n')}
</svg>
`;
}
