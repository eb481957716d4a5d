-- A page of an owner's sessions, the last changed first.
--
-- KEYS: as in list_session.
-- ARGV: how many, the change time and id to go on after ('' for the start), a text that what is
--       shown must hold ('' for any), how many entries to look through at most.
-- Returns: {1 when there is more, the change time and id this page ends at}, then for each session
--       {id, changed, turns, what is shown}.

local BY_CHANGE, BY_EXPIRY, SHOWN, COUNTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, most = tonumber(ARGV[1]), tonumber(ARGV[5])
local after, after_id, text = ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local reply, seen, offset = { { 0, '', '' } }, 0, 0
local from = after == '' and '+inf' or after
while true do
  local page = redis.call('ZREVRANGEBYSCORE', BY_CHANGE, from, '-inf', 'WITHSCORES',
    'LIMIT', offset, 100)
  if #page == 0 then return reply end
  for index = 1, #page, 2 do
    local id, changed = page[index], page[index + 1]
    if after == '' or tonumber(changed) < tonumber(after) or id < after_id then
      if #reply > limit or seen >= most then
        reply[1][1] = 1
        return reply
      end
      seen = seen + 1
      reply[1][2], reply[1][3] = changed, id
      local expires = redis.call('ZSCORE', BY_EXPIRY, id)
      local shown = redis.call('HGET', SHOWN, id)
      if expires and shown and tonumber(expires) > now
        and (text == '' or string.find(string.match(shown, '^[^%z]*'), text, 1, true)) then
        reply[#reply + 1] = { id, changed, redis.call('HGET', COUNTS, id) or '0', shown }
      end
    end
  end
  offset = offset + 100
end
