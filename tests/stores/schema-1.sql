-- A journal as version 0.1.0 wrote it (schema 1): what every later version must be able to go on with.
PRAGMA application_id = 1667658605;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE definitions (
  job TEXT NOT NULL,
  version INTEGER NOT NULL,
  definition TEXT NOT NULL CHECK (json_valid(definition)),
  PRIMARY KEY (job, version)
) STRICT, WITHOUT ROWID;
INSERT INTO "definitions" VALUES('Sicherung täglich',1,'{"catch_up":"once","catch_up_within":"1h","enabled":true,"env":{"LANG":"C"},"grace":"10s","name":"Sicherung täglich","output_limit":"10MB","overlap":"skip","shell":"echo a; exit 3","start_within":"1h","timeout":"30m","timezone":"Europe/Berlin"}');
INSERT INTO "definitions" VALUES('gone',1,'{"catch_up":"once","catch_up_within":"1h","command":["true"],"enabled":true,"env":{},"grace":"10s","name":"gone","output_limit":"10MB","overlap":"skip","start_within":"1h","timeout":"1d","timezone":"Europe/Berlin"}');
INSERT INTO "definitions" VALUES('hello',1,'{"catch_up":"once","catch_up_within":"1h","command":["echo","hello"],"enabled":true,"env":{},"grace":"10s","name":"hello","output_limit":"10MB","overlap":"skip","schedule":"every 1h","start_within":"1h","timeout":"1d","timezone":"Europe/Berlin"}');
INSERT INTO "definitions" VALUES('slow',1,'{"catch_up":"once","catch_up_within":"1h","command":["sleep","1"],"enabled":true,"env":{},"grace":"10s","name":"slow","output_limit":"10MB","overlap":"skip","start_within":"1h","timeout":"200ms","timezone":"Europe/Berlin"}');
INSERT INTO "definitions" VALUES('waits',1,'{"catch_up":"once","catch_up_within":"1h","command":["true"],"enabled":true,"env":{},"grace":"10s","name":"waits","output_limit":"10MB","overlap":"skip","start_within":"1d","timeout":"1d","timezone":"Europe/Berlin"}');
CREATE TABLE edges (
  trigger TEXT NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (trigger, source, reason)
) STRICT, WITHOUT ROWID;
INSERT INTO "edges" VALUES('fail','queued','refused','failed');
INSERT INTO "edges" VALUES('fail','queued','start_failed','failed');
INSERT INTO "edges" VALUES('fail','running','error','failed');
INSERT INTO "edges" VALUES('fail','running','exit_code','failed');
INSERT INTO "edges" VALUES('fail','running','no_result','failed');
INSERT INTO "edges" VALUES('fail','running','refused','failed');
INSERT INTO "edges" VALUES('fail','running','signal','failed');
INSERT INTO "edges" VALUES('fail','running','start_failed','failed');
INSERT INTO "edges" VALUES('lose','running','node_expired','lost');
INSERT INTO "edges" VALUES('lose','running','rebooted','lost');
INSERT INTO "edges" VALUES('lose','running','unreadable_report','lost');
INSERT INTO "edges" VALUES('lose','running','vanished','lost');
INSERT INTO "edges" VALUES('queue','','','queued');
INSERT INTO "edges" VALUES('reap','queued','cancelled','reaped');
INSERT INTO "edges" VALUES('reap','queued','job_removed','reaped');
INSERT INTO "edges" VALUES('reap','queued','queue_overflow','reaped');
INSERT INTO "edges" VALUES('reap','queued','replaced','reaped');
INSERT INTO "edges" VALUES('reap','running','cancelled','reaped');
INSERT INTO "edges" VALUES('reap','running','host_stop','reaped');
INSERT INTO "edges" VALUES('reap','running','job_removed','reaped');
INSERT INTO "edges" VALUES('reap','running','overdue','reaped');
INSERT INTO "edges" VALUES('reap','running','replaced','reaped');
INSERT INTO "edges" VALUES('start','queued','','running');
INSERT INTO "edges" VALUES('succeed','running','completed','succeeded');
INSERT INTO "edges" VALUES('time_out','queued','queue_timeout','timed_out');
INSERT INTO "edges" VALUES('time_out','running','idle_timeout','timed_out');
INSERT INTO "edges" VALUES('time_out','running','run_timeout','timed_out');
CREATE TABLE entries (
  id INTEGER PRIMARY KEY,             -- store-wide, in commit order, without a gap when it is given
  job TEXT NOT NULL,
  seq INTEGER NOT NULL,               -- within the stream of `job`, from 1
  at INTEGER NOT NULL,                -- microseconds since 1970, UTC, like every time in this file
  actor TEXT NOT NULL CHECK (
    actor = 'scheduler' OR actor = 'supervisor' OR actor = 'cli' OR actor = 'api' OR actor = 'reaper'
    OR actor = 'recovery'
  ),
  node TEXT NOT NULL,
  epoch INTEGER,                      -- the scheduler's that wrote it, NULL for a client
  kind TEXT NOT NULL CHECK (
    kind = 'transition' OR kind = 'released' OR kind = 'refused' OR kind = 'job' OR kind = 'checkpoint'
    OR kind = 'scheduler'
  ),
  run INTEGER,                        -- its number
  trigger TEXT,                       -- of a transition; these four stand in the body too
  source TEXT,
  target TEXT,
  reason TEXT,
  body TEXT NOT NULL,                 -- JSON, exactly as it was hashed
  prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  UNIQUE (job, seq),
  CHECK ((kind = 'transition') = (trigger IS NOT NULL)),
  CHECK ((kind = 'transition' OR kind = 'released') = (run IS NOT NULL)),
  CHECK (CASE
    WHEN NOT json_valid(body) THEN 0
    WHEN trigger IS NULL THEN source IS NULL AND target IS NULL AND reason IS NULL
    ELSE json_extract(body, '$.trigger', '$.from', '$.to', '$.reason') = json_array(trigger, source, target, reason)
  END)
) STRICT;
INSERT INTO "entries" VALUES(1,'hello',1,1795209786901552,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"anchor":"2026-11-20T21:23:06.901552Z","event":"put","job":{"catch_up":"once","catch_up_within":"1h","command":["echo","hello"],"enabled":true,"env":{},"grace":"10s","name":"hello","output_limit":"10MB","overlap":"skip","schedule":"every 1h","start_within":"1h","timeout":"1d","timezone":"Europe/Berlin"},"source":"file:/tmp/daily-jobs.toml","version":1}','0000000000000000000000000000000000000000000000000000000000000000','9dcdc11c8477f884fb771a7b65243da1726670403dfc6237f38a468408673ef5');
INSERT INTO "entries" VALUES(2,'Sicherung täglich',1,1795209786901772,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"anchor":"2026-11-20T21:23:06.901772Z","event":"put","job":{"catch_up":"once","catch_up_within":"1h","enabled":true,"env":{"LANG":"C"},"grace":"10s","name":"Sicherung täglich","output_limit":"10MB","overlap":"skip","shell":"echo a; exit 3","start_within":"1h","timeout":"30m","timezone":"Europe/Berlin"},"source":"file:/tmp/daily-jobs.toml","version":1}','0000000000000000000000000000000000000000000000000000000000000000','b5afbbb67244a607a423930fb029307ba2541bd208e8c5e121f0c9a7f963cf83');
INSERT INTO "entries" VALUES(3,'slow',1,1795209786901856,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"anchor":"2026-11-20T21:23:06.901856Z","event":"put","job":{"catch_up":"once","catch_up_within":"1h","command":["sleep","1"],"enabled":true,"env":{},"grace":"10s","name":"slow","output_limit":"10MB","overlap":"skip","start_within":"1h","timeout":"200ms","timezone":"Europe/Berlin"},"source":"file:/tmp/daily-jobs.toml","version":1}','0000000000000000000000000000000000000000000000000000000000000000','713f17d5fa81e3f5106a6f55e7162df94e859d5c9821938548647fb34f210498');
INSERT INTO "entries" VALUES(4,'waits',1,1795209786901969,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"anchor":"2026-11-20T21:23:06.901969Z","event":"put","job":{"catch_up":"once","catch_up_within":"1h","command":["true"],"enabled":true,"env":{},"grace":"10s","name":"waits","output_limit":"10MB","overlap":"skip","start_within":"1d","timeout":"1d","timezone":"Europe/Berlin"},"source":"file:/tmp/daily-jobs.toml","version":1}','0000000000000000000000000000000000000000000000000000000000000000','899761039592a682a2d2a76d774313ea6d27977bc02c2f53e6dc34ef225acad5');
INSERT INTO "entries" VALUES(5,'gone',1,1795209786902050,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"anchor":"2026-11-20T21:23:06.902050Z","event":"put","job":{"catch_up":"once","catch_up_within":"1h","command":["true"],"enabled":true,"env":{},"grace":"10s","name":"gone","output_limit":"10MB","overlap":"skip","start_within":"1h","timeout":"1d","timezone":"Europe/Berlin"},"source":"file:/tmp/daily-jobs.toml","version":1}','0000000000000000000000000000000000000000000000000000000000000000','0a837552527ec88836d26d105c2e0d21d5e06fc77b1ebee6780b2c50a28f2591');
INSERT INTO "entries" VALUES(6,'hello',2,1795209787210314,'cli','vm',NULL,'transition',1,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":15913237929,"utc":"2026-11-20T22:23:07.210314Z"},"to":"queued","trigger":"queue","version":1}','9dcdc11c8477f884fb771a7b65243da1726670403dfc6237f38a468408673ef5','543c3da091ac085057c974a2d52609da7797a3b87907d4834d30e3c75448f836');
INSERT INTO "entries" VALUES(7,'Sicherung täglich',2,1795209787492084,'cli','vm',NULL,'transition',1,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":15913519700,"utc":"2026-11-20T22:23:07.492084Z"},"to":"queued","trigger":"queue","version":1}','b5afbbb67244a607a423930fb029307ba2541bd208e8c5e121f0c9a7f963cf83','db90b6cbd8520dbf563f29c43aa79de69e37a97f78c08e0d8505911664905d42');
INSERT INTO "entries" VALUES(8,'slow',2,1795209787769986,'cli','vm',NULL,'transition',1,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":15913797601,"utc":"2026-11-20T22:23:07.769986Z"},"to":"queued","trigger":"queue","version":1}','713f17d5fa81e3f5106a6f55e7162df94e859d5c9821938548647fb34f210498','6b1be2ce3fd53fa2fc28599c880abed51d60b86f2ca0b20e5bbd2918e36c1745');
INSERT INTO "entries" VALUES(9,'gone',2,1795209788055966,'cli','vm',NULL,'transition',1,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":15914083582,"utc":"2026-11-20T22:23:08.055966Z"},"to":"queued","trigger":"queue","version":1}','0a837552527ec88836d26d105c2e0d21d5e06fc77b1ebee6780b2c50a28f2591','ac8d5ac41f431c0ab628ba7f8b1c266999f7a5cd56a4358a572c68910aa1939b');
INSERT INTO "entries" VALUES(10,'@scheduler',1,1795209788475969,'scheduler','vm',1,'scheduler',NULL,NULL,NULL,NULL,NULL,'{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","epoch":1,"event":"up","max_running":8,"pid":13584,"version":"0.1.0"}','0000000000000000000000000000000000000000000000000000000000000000','8c6b6ad22aaa517c8a2fd6c0369884c8edda9bcd260f41129681517cd3099ebe');
INSERT INTO "entries" VALUES(11,'Sicherung täglich',3,1795209788552099,'scheduler','vm',1,'transition',1,'start','queued','running',NULL,'{"arming":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","in_process":false,"nonce":"60ecf536d5328050","pid":13590,"pid_start":1231457},"from":"queued","reap_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":14184579715,"utc":"2026-11-20T21:54:18.552099Z"},"reason":null,"run_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":14114579715,"utc":"2026-11-20T21:53:08.552099Z"},"to":"running","trigger":"start"}','db90b6cbd8520dbf563f29c43aa79de69e37a97f78c08e0d8505911664905d42','20dfccf3b94bbe3e6c6cd652aa1b2f8053077e46b8b87b8fac36c98d178cb7da');
INSERT INTO "entries" VALUES(12,'hello',3,1795209788556806,'scheduler','vm',1,'transition',1,'start','queued','running',NULL,'{"arming":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","in_process":false,"nonce":"8f9c42e872c93bb7","pid":13589,"pid_start":1231457},"from":"queued","reap_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98784584423,"utc":"2026-11-21T21:24:18.556806Z"},"reason":null,"run_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98714584423,"utc":"2026-11-21T21:23:08.556806Z"},"to":"running","trigger":"start"}','543c3da091ac085057c974a2d52609da7797a3b87907d4834d30e3c75448f836','4b193925d804bdc7a3cb346804fac9c797b13b181aeb1fb55699a8e607dee939');
INSERT INTO "entries" VALUES(13,'gone',3,1795209788556806,'scheduler','vm',1,'transition',1,'start','queued','running',NULL,'{"arming":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","in_process":false,"nonce":"af2df2d2bb5deb3d","pid":13592,"pid_start":1231457},"from":"queued","reap_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98784584423,"utc":"2026-11-21T21:24:18.556806Z"},"reason":null,"run_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98714584423,"utc":"2026-11-21T21:23:08.556806Z"},"to":"running","trigger":"start"}','ac8d5ac41f431c0ab628ba7f8b1c266999f7a5cd56a4358a572c68910aa1939b','3613146da6cc09e9e3484b63facd3f95ca215c776fe06dcaad8af0a8e450b31e');
INSERT INTO "entries" VALUES(14,'slow',3,1795209788556806,'scheduler','vm',1,'transition',1,'start','queued','running',NULL,'{"arming":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","in_process":false,"nonce":"9292a627c83ef810","pid":13591,"pid_start":1231457},"from":"queued","reap_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":12384784423,"utc":"2026-11-20T21:24:18.756806Z"},"reason":null,"run_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":12314784423,"utc":"2026-11-20T21:23:08.756806Z"},"to":"running","trigger":"start"}','6b1be2ce3fd53fa2fc28599c880abed51d60b86f2ca0b20e5bbd2918e36c1745','70221b39b25ed462944054b3827b7ab8da9cd5d68f79f35801ee5465dc80dda2');
INSERT INTO "entries" VALUES(15,'Sicherung täglich',4,1795209788563082,'supervisor','vm',1,'transition',1,'fail','running','failed','exit_code','{"ended_at":"2026-11-20T21:23:08.561504Z","exit_code":3,"from":"running","reason":"exit_code","started_at":"2026-11-20T21:23:08.555296Z","to":"failed","trigger":"fail"}','20dfccf3b94bbe3e6c6cd652aa1b2f8053077e46b8b87b8fac36c98d178cb7da','7414f61ec134c98fc9f9e95ddc5e239a6a66872b6e6b454966fc28800e45d363');
INSERT INTO "entries" VALUES(16,'Sicherung täglich',5,1795209788563082,'supervisor','vm',1,'released',1,NULL,NULL,NULL,NULL,'{"emptied_at":"2026-11-20T21:23:08.561537Z","evidence":"report","exit_code":3,"nonce":"60ecf536d5328050"}','7414f61ec134c98fc9f9e95ddc5e239a6a66872b6e6b454966fc28800e45d363','164258d0ad21bcbe180b116a0f1a76dea136be91d5736baa6d216fb3b50c1de9');
INSERT INTO "entries" VALUES(17,'hello',4,1795209788570816,'supervisor','vm',1,'transition',1,'succeed','running','succeeded','completed','{"ended_at":"2026-11-20T21:23:08.567491Z","exit_code":0,"from":"running","reason":"completed","started_at":"2026-11-20T21:23:08.559016Z","to":"succeeded","trigger":"succeed"}','4b193925d804bdc7a3cb346804fac9c797b13b181aeb1fb55699a8e607dee939','defecbc2a925605cdd8c88e7a800c8a5fecee0f5d24881265b91c9fc2f3a0999');
INSERT INTO "entries" VALUES(18,'hello',5,1795209788570816,'supervisor','vm',1,'released',1,NULL,NULL,NULL,NULL,'{"emptied_at":"2026-11-20T21:23:08.567521Z","evidence":"report","exit_code":0,"nonce":"8f9c42e872c93bb7"}','defecbc2a925605cdd8c88e7a800c8a5fecee0f5d24881265b91c9fc2f3a0999','5739f0e97ccdb8b65415ff5424f527c1a80675bb3f145959e16e5f47d309c5be');
INSERT INTO "entries" VALUES(19,'gone',4,1795209788573285,'supervisor','vm',1,'transition',1,'succeed','running','succeeded','completed','{"ended_at":"2026-11-20T21:23:08.569151Z","exit_code":0,"from":"running","reason":"completed","started_at":"2026-11-20T21:23:08.559424Z","to":"succeeded","trigger":"succeed"}','3613146da6cc09e9e3484b63facd3f95ca215c776fe06dcaad8af0a8e450b31e','bf8f73405b4547a36596a759e48e1372de5a10a45d2ac22a13c9bdc3ba0ef404');
INSERT INTO "entries" VALUES(20,'gone',5,1795209788573285,'supervisor','vm',1,'released',1,NULL,NULL,NULL,NULL,'{"emptied_at":"2026-11-20T21:23:08.569189Z","evidence":"report","exit_code":0,"nonce":"af2df2d2bb5deb3d"}','bf8f73405b4547a36596a759e48e1372de5a10a45d2ac22a13c9bdc3ba0ef404','7a87b8e1a068f9bbd4ca4fbc047149ad0bfc8c6d4f3604949b3d13e4339a56ae');
INSERT INTO "entries" VALUES(21,'slow',4,1795209788762155,'supervisor','vm',1,'transition',1,'time_out','running','timed_out','run_timeout','{"ended_at":"2026-11-20T21:23:08.757977Z","error":"cron: job execution timed out","from":"running","reason":"run_timeout","started_at":"2026-11-20T21:23:08.559963Z","to":"timed_out","trigger":"time_out"}','70221b39b25ed462944054b3827b7ab8da9cd5d68f79f35801ee5465dc80dda2','5b3f91be8f56b1f6ffe5b07ae3e27acbf44f16d96f4cccfa812824cd2531f5e9');
INSERT INTO "entries" VALUES(22,'slow',5,1795209788762155,'supervisor','vm',1,'released',1,NULL,NULL,NULL,NULL,'{"emptied_at":"2026-11-20T21:23:08.760769Z","evidence":"report","nonce":"9292a627c83ef810","signal":15}','5b3f91be8f56b1f6ffe5b07ae3e27acbf44f16d96f4cccfa812824cd2531f5e9','0af949ba82fda85ef48905d43f6c2415cd0f8a5bd2eeb3844d42fd9e84f003e3');
INSERT INTO "entries" VALUES(23,'@scheduler',2,1795209788765848,'scheduler','vm',1,'scheduler',NULL,NULL,NULL,NULL,NULL,'{"epoch":1,"event":"down","reason":"idle"}','8c6b6ad22aaa517c8a2fd6c0369884c8edda9bcd260f41129681517cd3099ebe','5b0871349c0b3b5fd07f3f689c281ca594de0d27d30b8258354da185bfb3c4ee');
INSERT INTO "entries" VALUES(24,'slow',6,1795209789029779,'cli','vm',NULL,'transition',2,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":15915057394,"utc":"2026-11-20T22:23:09.029779Z"},"to":"queued","trigger":"queue","version":1}','0af949ba82fda85ef48905d43f6c2415cd0f8a5bd2eeb3844d42fd9e84f003e3','b63a01a589ec288851e1436db793356399a44d7fbf991e0bf02964195541914c');
INSERT INTO "entries" VALUES(25,'hello',6,1795209789348467,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"event":"paused"}','5739f0e97ccdb8b65415ff5424f527c1a80675bb3f145959e16e5f47d309c5be','de9fb3a02fda6480b15660e53e7f12af8be278b7711240c39a11d4229dd87b22');
INSERT INTO "entries" VALUES(26,'waits',2,1795209789578482,'cli','vm',NULL,'transition',1,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98715606097,"utc":"2026-11-21T21:23:09.578482Z"},"to":"queued","trigger":"queue","version":1}','899761039592a682a2d2a76d774313ea6d27977bc02c2f53e6dc34ef225acad5','aecddc401ff7d618cd961324d57b0d86701de87cc65fa236696c02f3d86ce6ac');
INSERT INTO "entries" VALUES(27,'waits',3,1795209789842092,'cli','vm',NULL,'refused',NULL,NULL,NULL,NULL,NULL,'{"blocked_by":{"age_us":263610,"deadline":"2026-11-21T21:23:09.578482Z","number":1,"state":"queued"},"cause":"manual","count":1,"first":"2026-11-20T21:23:09.842092Z","last":"2026-11-20T21:23:09.842092Z","reason":"already_queued"}','aecddc401ff7d618cd961324d57b0d86701de87cc65fa236696c02f3d86ce6ac','f5ed450b072e256b55c95a46bb7c6ddf71f3d49f62de618dd4b75aed9ddb4aaa');
INSERT INTO "entries" VALUES(28,'@scheduler',3,1795209790189136,'scheduler','vm',2,'scheduler',NULL,NULL,NULL,NULL,NULL,'{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","epoch":2,"event":"up","max_running":8,"pid":13615,"version":"0.1.0"}','5b0871349c0b3b5fd07f3f689c281ca594de0d27d30b8258354da185bfb3c4ee','e2e20896c6abf9d57e7981969504a8aa6c599f848b8db1440404b4916c1ba4f9');
INSERT INTO "entries" VALUES(29,'waits',4,1795209790235096,'scheduler','vm',2,'transition',1,'start','queued','running',NULL,'{"arming":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","in_process":false,"nonce":"d429a38d7788a5d1","pid":13621,"pid_start":1231625},"from":"queued","reap_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98786262712,"utc":"2026-11-21T21:24:20.235096Z"},"reason":null,"run_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98716262712,"utc":"2026-11-21T21:23:10.235096Z"},"to":"running","trigger":"start"}','f5ed450b072e256b55c95a46bb7c6ddf71f3d49f62de618dd4b75aed9ddb4aaa','0283f7aefe0669846e746ee07f92248259ffc0b8a08061d83a8fd4a06e03dbeb');
INSERT INTO "entries" VALUES(30,'slow',7,1795209790238111,'scheduler','vm',2,'transition',2,'start','queued','running',NULL,'{"arming":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","in_process":false,"nonce":"cfd0e0bc308da8e1","pid":13620,"pid_start":1231625},"from":"queued","reap_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":12386465728,"utc":"2026-11-20T21:24:20.438111Z"},"reason":null,"run_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":12316465728,"utc":"2026-11-20T21:23:10.438111Z"},"to":"running","trigger":"start"}','b63a01a589ec288851e1436db793356399a44d7fbf991e0bf02964195541914c','c170b2d8e90a2d841d9ed20bf8c52daa4f36d235f472707b0f0b118ae5b278f1');
INSERT INTO "entries" VALUES(31,'waits',5,1795209790242343,'supervisor','vm',2,'transition',1,'succeed','running','succeeded','completed','{"ended_at":"2026-11-20T21:23:10.241380Z","exit_code":0,"from":"running","reason":"completed","started_at":"2026-11-20T21:23:10.236781Z","to":"succeeded","trigger":"succeed"}','0283f7aefe0669846e746ee07f92248259ffc0b8a08061d83a8fd4a06e03dbeb','8a161c5915b730b204d9f33891368a73d31ce92979ee2d0edd747b410b89b5d7');
INSERT INTO "entries" VALUES(32,'waits',6,1795209790242343,'supervisor','vm',2,'released',1,NULL,NULL,NULL,NULL,'{"emptied_at":"2026-11-20T21:23:10.241410Z","evidence":"report","exit_code":0,"nonce":"d429a38d7788a5d1"}','8a161c5915b730b204d9f33891368a73d31ce92979ee2d0edd747b410b89b5d7','f50cbd5869d394df79ecd52a4ab9b98f0bdd594d566049b21618541cec2d4d07');
INSERT INTO "entries" VALUES(33,'slow',8,1795209790441582,'supervisor','vm',2,'transition',2,'time_out','running','timed_out','run_timeout','{"ended_at":"2026-11-20T21:23:10.439177Z","error":"cron: job execution timed out","from":"running","reason":"run_timeout","started_at":"2026-11-20T21:23:10.239124Z","to":"timed_out","trigger":"time_out"}','c170b2d8e90a2d841d9ed20bf8c52daa4f36d235f472707b0f0b118ae5b278f1','1a6de363b20472351debc3c154d45f8c05bac5cc4ebc1e9a35f457c2001b871c');
INSERT INTO "entries" VALUES(34,'slow',9,1795209790444506,'supervisor','vm',2,'released',2,NULL,NULL,NULL,NULL,'{"emptied_at":"2026-11-20T21:23:10.442440Z","evidence":"report","nonce":"cfd0e0bc308da8e1","signal":15}','1a6de363b20472351debc3c154d45f8c05bac5cc4ebc1e9a35f457c2001b871c','6beabd29a1915a26e6bc3a1ef1ca13e5617020cf1b02f61e9ff5610ec25de964');
INSERT INTO "entries" VALUES(35,'@scheduler',4,1795209791197564,'scheduler','vm',2,'scheduler',NULL,NULL,NULL,NULL,NULL,'{"epoch":2,"event":"down","reason":"its time is over"}','e2e20896c6abf9d57e7981969504a8aa6c599f848b8db1440404b4916c1ba4f9','048c1fb9a981d20be5bd424bf6033598b74a3916452670fe3551108a7d5aa9ae');
INSERT INTO "entries" VALUES(36,'gone',6,1795209791567544,'cli','vm',NULL,'job',NULL,NULL,NULL,NULL,NULL,'{"event":"removed"}','7a87b8e1a068f9bbd4ca4fbc047149ad0bfc8c6d4f3604949b3d13e4339a56ae','5224071a8673816f142c75da7c41bbc23cd69feda3abf9af2c537cb4d41d57cf');
INSERT INTO "entries" VALUES(37,'waits',7,1795209791933903,'cli','vm',NULL,'transition',2,'queue',NULL,'queued',NULL,'{"attempt":1,"cause":"manual","from":null,"reason":null,"start_by":{"boot_id":"0254929c-a471-4af6-853c-11adaf40554c","boot_us":98717961518,"utc":"2026-11-21T21:23:11.933903Z"},"to":"queued","trigger":"queue","version":1}','f50cbd5869d394df79ecd52a4ab9b98f0bdd594d566049b21618541cec2d4d07','0619959d4bc733ac93860ba3d62f43b434274a05f2588cbf98b1552de8d58f06');
CREATE TABLE jobs (
  job TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  last_hash TEXT NOT NULL,
  sealed_seq INTEGER NOT NULL DEFAULT 0,  -- entries up to here may be pruned
  defined INTEGER NOT NULL CHECK (defined = 0 OR defined = 1),  -- 0: removed, or never a job
  version INTEGER NOT NULL,
  source TEXT NOT NULL,
  anchor INTEGER,
  paused INTEGER NOT NULL CHECK (paused = 0 OR paused = 1),
  last_number INTEGER NOT NULL,
  accounted_to INTEGER,
  slot INTEGER,                       -- the number of the run that holds it
  refusal TEXT CHECK (refusal IS NULL OR json_valid(refusal)),
  refused_at INTEGER,
  next_due INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "jobs" VALUES('@scheduler',4,'048c1fb9a981d20be5bd424bf6033598b74a3916452670fe3551108a7d5aa9ae',0,0,0,'',NULL,0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('Sicherung täglich',5,'164258d0ad21bcbe180b116a0f1a76dea136be91d5736baa6d216fb3b50c1de9',0,1,1,'file:/tmp/daily-jobs.toml',1795209786901772,0,1,1795209786901772,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('gone',6,'5224071a8673816f142c75da7c41bbc23cd69feda3abf9af2c537cb4d41d57cf',0,0,1,'file:/tmp/daily-jobs.toml',NULL,0,1,1795209786902050,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('hello',6,'de9fb3a02fda6480b15660e53e7f12af8be278b7711240c39a11d4229dd87b22',0,1,1,'file:/tmp/daily-jobs.toml',1795209786901552,1,1,1795209786901552,NULL,NULL,NULL,1795213386901552);
INSERT INTO "jobs" VALUES('slow',9,'6beabd29a1915a26e6bc3a1ef1ca13e5617020cf1b02f61e9ff5610ec25de964',0,1,1,'file:/tmp/daily-jobs.toml',1795209786901856,0,2,1795209786901856,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('waits',7,'0619959d4bc733ac93860ba3d62f43b434274a05f2588cbf98b1552de8d58f06',0,1,1,'file:/tmp/daily-jobs.toml',1795209786901969,0,2,1795209786901969,NULL,'{"blocked_by":{"age_us":263610,"deadline":"2026-11-21T21:23:09.578482Z","number":1,"state":"queued"},"cause":"manual","count":1,"first":"2026-11-20T21:23:09.842092Z","last":"2026-11-20T21:23:09.842092Z","reason":"already_queued"}',1795209789842092,NULL);
CREATE TABLE meta (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  format INTEGER NOT NULL,            -- of the entries: specs/journal.md
  epoch INTEGER NOT NULL              -- the newest scheduler's; 0 before the first (projection)
) STRICT;
INSERT INTO "meta" VALUES(1,1,2);
CREATE TABLE runs (
  job TEXT NOT NULL,
  number INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (
    state = 'queued' OR state = 'running' OR state = 'succeeded' OR state = 'failed' OR state = 'timed_out'
    OR state = 'lost' OR state = 'reaped'
  ),
  cause TEXT NOT NULL,
  version INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  start_by_utc INTEGER NOT NULL,
  start_by_boot INTEGER NOT NULL,     -- microseconds of CLOCK_BOOTTIME in that boot
  start_by_boot_id TEXT NOT NULL,
  scheduled_for INTEGER,
  retry_of INTEGER,
  reason TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  run_by_utc INTEGER,
  run_by_boot INTEGER,
  run_by_boot_id TEXT,
  reap_by_utc INTEGER,
  reap_by_boot INTEGER,
  reap_by_boot_id TEXT,
  arming_nonce TEXT,
  arming_boot_id TEXT,
  arming_pid INTEGER,
  arming_pid_start INTEGER,
  arming_in_process INTEGER,
  arming_cgroup TEXT,
  exit_code INTEGER,
  signal INTEGER,
  error TEXT,
  first_seq INTEGER NOT NULL,         -- of its first entry: where to look for the others
  PRIMARY KEY (job, number),
  CHECK ((state = 'queued' OR state = 'running') = (ended_at IS NULL)),
  CHECK ((reason IS NULL) = (ended_at IS NULL))
) STRICT;
INSERT INTO "runs" VALUES('hello',1,'succeeded','manual',1,1,1795209787210314,1795213387210314,15913237929,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,'completed',1795209788559016,1795209788567491,1795296188556806,98714584423,'0254929c-a471-4af6-853c-11adaf40554c',1795296258556806,98784584423,'0254929c-a471-4af6-853c-11adaf40554c','8f9c42e872c93bb7','0254929c-a471-4af6-853c-11adaf40554c',13589,1231457,0,NULL,0,NULL,NULL,2);
INSERT INTO "runs" VALUES('Sicherung täglich',1,'failed','manual',1,1,1795209787492084,1795213387492084,15913519700,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,'exit_code',1795209788555296,1795209788561504,1795211588552099,14114579715,'0254929c-a471-4af6-853c-11adaf40554c',1795211658552099,14184579715,'0254929c-a471-4af6-853c-11adaf40554c','60ecf536d5328050','0254929c-a471-4af6-853c-11adaf40554c',13590,1231457,0,NULL,3,NULL,NULL,2);
INSERT INTO "runs" VALUES('slow',1,'timed_out','manual',1,1,1795209787769986,1795213387769986,15913797601,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,'run_timeout',1795209788559963,1795209788757977,1795209788756806,12314784423,'0254929c-a471-4af6-853c-11adaf40554c',1795209858756806,12384784423,'0254929c-a471-4af6-853c-11adaf40554c','9292a627c83ef810','0254929c-a471-4af6-853c-11adaf40554c',13591,1231457,0,NULL,NULL,15,'cron: job execution timed out',2);
INSERT INTO "runs" VALUES('gone',1,'succeeded','manual',1,1,1795209788055966,1795213388055966,15914083582,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,'completed',1795209788559424,1795209788569151,1795296188556806,98714584423,'0254929c-a471-4af6-853c-11adaf40554c',1795296258556806,98784584423,'0254929c-a471-4af6-853c-11adaf40554c','af2df2d2bb5deb3d','0254929c-a471-4af6-853c-11adaf40554c',13592,1231457,0,NULL,0,NULL,NULL,2);
INSERT INTO "runs" VALUES('slow',2,'timed_out','manual',1,1,1795209789029779,1795213389029779,15915057394,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,'run_timeout',1795209790239124,1795209790439177,1795209790438111,12316465728,'0254929c-a471-4af6-853c-11adaf40554c',1795209860438111,12386465728,'0254929c-a471-4af6-853c-11adaf40554c','cfd0e0bc308da8e1','0254929c-a471-4af6-853c-11adaf40554c',13620,1231625,0,NULL,NULL,15,'cron: job execution timed out',6);
INSERT INTO "runs" VALUES('waits',1,'succeeded','manual',1,1,1795209789578482,1795296189578482,98715606097,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,'completed',1795209790236781,1795209790241380,1795296190235096,98716262712,'0254929c-a471-4af6-853c-11adaf40554c',1795296260235096,98786262712,'0254929c-a471-4af6-853c-11adaf40554c','d429a38d7788a5d1','0254929c-a471-4af6-853c-11adaf40554c',13621,1231625,0,NULL,0,NULL,NULL,2);
INSERT INTO "runs" VALUES('waits',2,'queued','manual',1,1,1795209791933903,1795296191933903,98717961518,'0254929c-a471-4af6-853c-11adaf40554c',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,7);
CREATE INDEX entries_checkpoints ON entries (job, seq) WHERE kind = 'checkpoint';
CREATE INDEX jobs_due ON jobs (next_due, job) WHERE next_due IS NOT NULL;
CREATE INDEX jobs_held ON jobs (job) WHERE slot IS NOT NULL;
CREATE INDEX runs_open ON runs (job, number) WHERE ended_at IS NULL;
CREATE INDEX runs_newest ON runs (queued_at, job, number);
CREATE INDEX runs_unwell_of_job ON runs (job, state, number) WHERE ended_at IS NOT NULL AND state <> 'succeeded';
CREATE INDEX runs_unwell ON runs (state, queued_at, job, number) WHERE ended_at IS NOT NULL AND state <> 'succeeded';
CREATE VIEW run_rows AS
SELECT job, number, state, cause, version, attempt, queued_at, start_by_utc, start_by_boot, start_by_boot_id,
       scheduled_for, retry_of, reason, started_at, ended_at, run_by_utc, run_by_boot, run_by_boot_id,
       reap_by_utc, reap_by_boot, reap_by_boot_id, arming_nonce, arming_boot_id, arming_pid, arming_pid_start,
       arming_in_process, arming_cgroup, exit_code, signal, error,
       number IS (SELECT slot FROM jobs WHERE jobs.job = runs.job) AS holds_slot
  FROM runs;
CREATE VIEW fold_rows AS
SELECT jobs.job, seq, definition, jobs.version, source, anchor, paused, last_number, accounted_to, slot, refusal,
       refused_at, next_due
  FROM jobs
  LEFT JOIN definitions ON definitions.job = jobs.job AND definitions.version = jobs.version AND defined;
CREATE TRIGGER entries_legal BEFORE INSERT ON entries BEGIN
  -- the chain
  SELECT RAISE(ABORT, 'an entry is never replaced: there is one with this job and seq')
   WHERE EXISTS (SELECT 1 FROM entries WHERE job = NEW.job AND seq = NEW.seq);
  SELECT RAISE(ABORT, 'an entry needs the next id; ids are given in commit order and never twice')
   WHERE NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM entries);
  SELECT RAISE(ABORT, 'an entry follows the last one of its stream, by seq and by prev_hash')
   WHERE NOT EXISTS (
     SELECT 1 FROM jobs WHERE job = NEW.job AND seq = NEW.seq - 1 AND last_hash = NEW.prev_hash);
  SELECT RAISE(ABORT, 'a newer scheduler has taken over: this epoch is not the present one')
   WHERE NEW.epoch IS NOT NULL AND NEW.epoch <> (SELECT epoch FROM meta);
  -- the lifecycle
  SELECT RAISE(ABORT, 'the lifecycle has no such transition')
   WHERE NEW.kind = 'transition' AND NOT EXISTS (
     SELECT 1 FROM edges
      WHERE trigger = NEW.trigger AND source = coalesce(NEW.source, '') AND reason = coalesce(NEW.reason, '')
        AND target = NEW.target);
  SELECT RAISE(ABORT, 'the run is not in the state that this transition comes from')
   WHERE NEW.kind = 'transition'
     AND NEW.source IS NOT (SELECT state FROM runs WHERE job = NEW.job AND number = NEW.run);
  SELECT RAISE(ABORT, 'the number of a run is never given twice: it must be above the last one')
   WHERE NEW.trigger = 'queue' AND NEW.run <= (SELECT last_number FROM jobs WHERE job = NEW.job);
  -- the slot
  SELECT RAISE(ABORT, 'the slot of the job is held: no two runs of a job overlap')
   WHERE NEW.trigger = 'start' AND (SELECT slot FROM jobs WHERE job = NEW.job) IS NOT NULL;
  SELECT RAISE(ABORT, 'only the run that holds the slot can release it')
   WHERE NEW.kind = 'released' AND (SELECT slot FROM jobs WHERE job = NEW.job) IS NOT NEW.run;
  SELECT RAISE(ABORT, 'the verdict comes first: an open run is not released')
   WHERE NEW.kind = 'released' AND (SELECT ended_at FROM runs WHERE job = NEW.job AND number = NEW.run) IS NULL;
  SELECT RAISE(ABORT, 'a slot is released by the arming that holds it')
   WHERE NEW.kind = 'released'
     AND (SELECT arming_nonce FROM runs WHERE job = NEW.job AND number = NEW.run) IS NOT NEW.body ->> '$.nonce';
END;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN
  SELECT RAISE(ABORT, 'an entry is never changed; what is to be said about it is a new entry');
END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN
  SELECT RAISE(ABORT, 'an entry is never deleted unless a checkpoint after it has sealed it')
   WHERE NOT EXISTS (
     SELECT 1 FROM entries
      WHERE kind = 'checkpoint' AND job = OLD.job AND seq > OLD.seq AND body ->> '$.count' >= OLD.seq);
  SELECT RAISE(ABORT, 'entries are pruned from the first one on')
   WHERE EXISTS (SELECT 1 FROM entries WHERE job = OLD.job AND seq < OLD.seq);
END;
COMMIT;
