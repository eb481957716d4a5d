-- Shared by reserve and leave: the rooms where requests wait for limits that several callers share.
--
-- A room is two keys: who waits there, a sorted set of flows by what they were served; and what is
-- known, a hash: `served FLOW`, what a flow was served, by its weight; `served`, where the flow that
-- was served last stood before, which nobody who comes stands below; `asks FLOW`, the two lines of
-- a flow's requests that were heard of last, `<line> <until when it counts> <line> <until when>`.
-- A flow may have lines in many workers; it keeps its place until none of them waits.

-- A flow's line that waits and is not this one; nil if there is none.
local function other_line(room, flow, line, now)
  for other, ends in string.gmatch(call('HGET', room.known, 'asks ' .. flow) or '', '(%S+) (%S+)') do
    if other ~= line and tonumber(ends) > now then return other .. ' ' .. ends end
  end
end

-- The line waits in the room, and counts as waiting until `ends`.
local function stand(room, line, now, ends)
  local other = other_line(room, room.flow, line, now)
  local asks = string.format('%s %.0f %s', line, ends, other or '')
  call('ZADD', room.waiting, room.served, room.flow)
  call('HSET', room.known, 'asks ' .. room.flow, asks)
  call('PEXPIRE', room.waiting, KEPT_MS)
  call('PEXPIRE', room.known, KEPT_MS)
end

-- The line waits there no more; answers whether another one of its flow does.
local function step_out(room, line, now)
  local other = other_line(room, room.flow, line, now)
  if other then
    call('HSET', room.known, 'asks ' .. room.flow, other)
  else
    call('ZREM', room.waiting, room.flow)
    call('HDEL', room.known, 'asks ' .. room.flow)
  end
  return other
end

-- Who is served next: the flow that waits and was served least. One whose lines have not been heard
-- of for longer than their leases waits no more.
local function look_into(room, now)
  local head, least
  while true do
    head, least = unpack(call('ZRANGE', room.waiting, 0, 0, 'WITHSCORES'))
    if not head or head == room.flow or other_line(room, head, '', now) then break end
    call('ZREM', room.waiting, head)
  end
  local served = call('HMGET', room.known, 'served ' .. room.flow, 'served')
  room.served = max(tonumber(served[1] or 0), tonumber(served[2] or 0))
  room.first = not head or head == room.flow or room.served < tonumber(least)
end
