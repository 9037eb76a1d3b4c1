/** In the reader's own language and time zone. */
export function formatTime(dateTime: string): string {
  const instant = new Date(dateTime);
  if (Number.isNaN(instant.valueOf())) return dateTime; // RFC 3339 has leap seconds, JavaScript does not
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(instant);
}

export function formatSize(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const unit = units[step] ?? 'byte';
  const style = { style: 'unit', unit, unitDisplay: step === 0 ? 'long' : 'short', maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(undefined, style).format(bytes / 1000 ** step);
}

/** Others wrote the URL: a link to anything but the web, such as javascript:, is none. */
export function webUrl(url: string | null): string | null {
  return url !== null && /^https?:$/.test(URL.parse(url)?.protocol ?? '') ? url : null;
}
