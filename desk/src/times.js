// When the desk looks for cases. Everybody's desk looks at the same times, so that looking tells nothing. Pure.

// `config`: list_at = times in ms, list_every_ms = a beat since 1970, poll_ms = for lines that tell neither. -> ms from now.
export function untilNextLook(config, nowMs) {
  const ahead = (Array.isArray(config.list_at) ? config.list_at : []).filter((at) => at > nowMs);
  if (ahead.length) return Math.min(...ahead) - nowMs;
  if (config.list_every_ms > 0) return config.list_every_ms - (nowMs % config.list_every_ms);
  return config.poll_ms;
}
