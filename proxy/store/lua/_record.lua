-- Shared by the scripts of records. A record names its shape in 'v'; one that names none has the
-- first. Of a shape that this build does not know nothing is handed out or changed.
local SCHEMA = '1'

local function known_shape(version)
  return (version or '1') == SCHEMA
end

