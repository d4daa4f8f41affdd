<?php
// What this PHP says of itself; asked once, before a recording.
header('Content-Type: text/plain');
$opcache = function_exists('opcache_get_status') ? opcache_get_status(false) : false;
printf("opcache %d\n", $opcache !== false && $opcache['opcache_enabled'] ? 1 : 0);
printf("php %s\n", PHP_VERSION);
