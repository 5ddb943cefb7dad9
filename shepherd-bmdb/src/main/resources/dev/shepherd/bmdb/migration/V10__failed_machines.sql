-- A machine that the provider last called failed may go without anybody's doing: when it is no longer listed, provider and
-- database do not disagree about it. It stays noted when the machine goes missing, since the status does not tell any more.
alter table machine_provided add column provider_failed boolean not null default false;

update machine_provided set provider_failed = true where provider_status = 'ProvisioningFailedPermanent';

-- How often in a row the provider could not describe the machine. It is looked at again after pauses that grow.
alter table machine_provided add column provider_check_failures integer not null default 0
    check (provider_check_failures >= 0);
