-- NextCRM's 39 tables in PostgreSQL, with the names of the MongoDB collections and of their fields: `_id` is `id`, `__v` is `v`.
--
-- One foreign key of the published schema is left out: "tasksComments"."task" → "Tasks". The column holds the id of a task or
-- of an account's task, whichever the comment was written on, and no foreign key can say that.

CREATE TYPE "crm_Lead_Status" AS ENUM ('NEW', 'CONTACTED', 'QUALIFIED', 'LOST');
CREATE TYPE "crm_Lead_Type" AS ENUM ('DEMO');
CREATE TYPE "crm_Opportunity_Status" AS ENUM ('ACTIVE', 'INACTIVE', 'PENDING', 'CLOSED');
CREATE TYPE "crm_Contact_Type" AS ENUM ('Customer', 'Partner', 'Vendor', 'Prospect');
CREATE TYPE "crm_Contracts_Status" AS ENUM ('NOTSTARTED', 'INPROGRESS', 'SIGNED');
CREATE TYPE "DocumentSystemType" AS ENUM ('INVOICE', 'RECEIPT', 'CONTRACT', 'OFFER', 'OTHER');
CREATE TYPE "taskStatus" AS ENUM ('ACTIVE', 'PENDING', 'COMPLETE');
CREATE TYPE "ActiveStatus" AS ENUM ('ACTIVE', 'INACTIVE', 'PENDING');
CREATE TYPE "Language" AS ENUM ('cz', 'en', 'de', 'uk');
CREATE TYPE "gptStatus" AS ENUM ('ACTIVE', 'INACTIVE');

CREATE TABLE "crm_Industry_Type" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL
);

CREATE TABLE "Documents_Types" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL
);

CREATE TABLE "invoice_States" (
    "id" uuid PRIMARY KEY NOT NULL,
    "name" text NOT NULL
);

CREATE TABLE "system_Modules_Enabled" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL,
    "enabled" boolean NOT NULL,
    "position" integer NOT NULL
);

CREATE TABLE "modulStatus" (
    "id" uuid PRIMARY KEY NOT NULL,
    "name" text NOT NULL,
    "isVisible" boolean NOT NULL
);

CREATE TABLE "systemServices" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL,
    "serviceUrl" text,
    "serviceId" text,
    "serviceKey" text,
    "servicePassword" text,
    "servicePort" text,
    "description" text
);

CREATE TABLE "gpt_models" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "model" text NOT NULL,
    "description" text,
    "status" "gptStatus",
    "created_on" timestamp(3) DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE "Users" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL DEFAULT 0,
    "account_name" text,
    "avatar" text,
    "email" text NOT NULL UNIQUE,
    "is_account_admin" boolean NOT NULL DEFAULT false,
    "is_admin" boolean NOT NULL DEFAULT false,
    "created_on" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastLoginAt" timestamp(3),
    "name" text,
    "password" text,
    "username" text,
    "userStatus" "ActiveStatus" NOT NULL DEFAULT 'PENDING',
    "userLanguage" "Language" NOT NULL DEFAULT 'en'
);
CREATE INDEX "Users_userStatus_idx" ON "Users" ("userStatus");
CREATE INDEX "Users_userLanguage_idx" ON "Users" ("userLanguage");
CREATE INDEX "Users_is_admin_idx" ON "Users" ("is_admin");
CREATE INDEX "Users_is_account_admin_idx" ON "Users" ("is_account_admin");
CREATE INDEX "Users_created_on_idx" ON "Users" ("created_on");
CREATE INDEX "Users_lastLoginAt_idx" ON "Users" ("lastLoginAt");

CREATE TABLE "MyAccount" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "company_name" text NOT NULL,
    "is_person" boolean NOT NULL DEFAULT false,
    "email" text,
    "email_accountant" text,
    "phone_prefix" text,
    "phone" text,
    "mobile_prefix" text,
    "mobile" text,
    "fax_prefix" text,
    "fax" text,
    "website" text,
    "street" text,
    "city" text,
    "state" text,
    "zip" text,
    "country" text,
    "country_code" text,
    "billing_street" text,
    "billing_city" text,
    "billing_state" text,
    "billing_zip" text,
    "billing_country" text,
    "billing_country_code" text,
    "currency" text,
    "currency_symbol" text,
    "VAT_number" text NOT NULL,
    "TAX_number" text,
    "bank_name" text,
    "bank_account" text,
    "bank_code" text,
    "bank_IBAN" text,
    "bank_SWIFT" text
);

CREATE TABLE "Employees" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "avatar" text NOT NULL,
    "email" text,
    "name" text NOT NULL,
    "salary" bigint NOT NULL,
    "status" text NOT NULL
);

CREATE TABLE "ImageUpload" (
    "id" uuid PRIMARY KEY NOT NULL
);

CREATE TABLE "TodoList" (
    "id" uuid PRIMARY KEY NOT NULL,
    "createdAt" text NOT NULL,
    "description" text NOT NULL,
    "title" text NOT NULL,
    "url" text NOT NULL,
    "user" text NOT NULL
);

CREATE TABLE "crm_campaigns" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL,
    "description" text,
    "status" text
);

CREATE TABLE "crm_Opportunities_Sales_Stages" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL,
    "probability" bigint,
    "order" bigint
);

CREATE TABLE "crm_Opportunities_Type" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "name" text NOT NULL,
    "order" bigint
);

CREATE TABLE "crm_Accounts" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "annual_revenue" text,
    "assigned_to" uuid,
    "billing_city" text,
    "billing_country" text,
    "billing_postal_code" text,
    "billing_state" text,
    "billing_street" text,
    "company_id" text,
    "description" text,
    "email" text,
    "employees" text,
    "fax" text,
    "industry" uuid,
    "member_of" text,
    "name" text NOT NULL,
    "office_phone" text,
    "shipping_city" text,
    "shipping_country" text,
    "shipping_postal_code" text,
    "shipping_state" text,
    "shipping_street" text,
    "status" text DEFAULT 'Inactive',
    "type" text DEFAULT 'Customer',
    "vat" text,
    "website" text,
    FOREIGN KEY ("industry") REFERENCES "crm_Industry_Type" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Accounts_assigned_to_idx" ON "crm_Accounts" ("assigned_to");
CREATE INDEX "crm_Accounts_industry_idx" ON "crm_Accounts" ("industry");
CREATE INDEX "crm_Accounts_createdBy_idx" ON "crm_Accounts" ("createdBy");
CREATE INDEX "crm_Accounts_updatedBy_idx" ON "crm_Accounts" ("updatedBy");
CREATE INDEX "crm_Accounts_status_idx" ON "crm_Accounts" ("status");
CREATE INDEX "crm_Accounts_type_idx" ON "crm_Accounts" ("type");
CREATE INDEX "crm_Accounts_createdAt_idx" ON "crm_Accounts" ("createdAt");

CREATE TABLE "crm_Contacts" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL DEFAULT 0,
    "account" uuid,
    "assigned_to" uuid,
    "birthday" text,
    "created_by" uuid,
    "createdBy" uuid,
    "created_on" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "cratedAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "last_activity" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "last_activity_by" uuid,
    "description" text,
    "email" text,
    "personal_email" text,
    "first_name" text,
    "last_name" text NOT NULL,
    "office_phone" text,
    "mobile_phone" text,
    "website" text,
    "position" text,
    "status" boolean NOT NULL DEFAULT true,
    "social_twitter" text,
    "social_facebook" text,
    "social_linkedin" text,
    "social_skype" text,
    "social_instagram" text,
    "social_youtube" text,
    "social_tiktok" text,
    "type" text DEFAULT 'Customer',
    "tags" text[],
    "notes" text[],
    "accountsIDs" uuid,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("created_by") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("accountsIDs") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Contacts_assigned_to_idx" ON "crm_Contacts" ("assigned_to");
CREATE INDEX "crm_Contacts_created_by_idx" ON "crm_Contacts" ("created_by");
CREATE INDEX "crm_Contacts_accountsIDs_idx" ON "crm_Contacts" ("accountsIDs");
CREATE INDEX "crm_Contacts_createdBy_idx" ON "crm_Contacts" ("createdBy");
CREATE INDEX "crm_Contacts_updatedBy_idx" ON "crm_Contacts" ("updatedBy");
CREATE INDEX "crm_Contacts_status_idx" ON "crm_Contacts" ("status");
CREATE INDEX "crm_Contacts_type_idx" ON "crm_Contacts" ("type");
CREATE INDEX "crm_Contacts_cratedAt_idx" ON "crm_Contacts" ("cratedAt");
CREATE INDEX "crm_Contacts_last_activity_idx" ON "crm_Contacts" ("last_activity");

CREATE TABLE "crm_Leads" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL DEFAULT 0,
    "createdAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "firstName" text,
    "lastName" text NOT NULL,
    "company" text,
    "jobTitle" text,
    "email" text,
    "phone" text,
    "description" text,
    "lead_source" text,
    "refered_by" text,
    "campaign" text,
    "status" text DEFAULT 'NEW',
    "type" text DEFAULT 'DEMO',
    "assigned_to" uuid,
    "accountsIDs" uuid,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("accountsIDs") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Leads_assigned_to_idx" ON "crm_Leads" ("assigned_to");
CREATE INDEX "crm_Leads_accountsIDs_idx" ON "crm_Leads" ("accountsIDs");
CREATE INDEX "crm_Leads_createdBy_idx" ON "crm_Leads" ("createdBy");
CREATE INDEX "crm_Leads_updatedBy_idx" ON "crm_Leads" ("updatedBy");
CREATE INDEX "crm_Leads_status_idx" ON "crm_Leads" ("status");
CREATE INDEX "crm_Leads_type_idx" ON "crm_Leads" ("type");
CREATE INDEX "crm_Leads_createdAt_idx" ON "crm_Leads" ("createdAt");

CREATE TABLE "crm_Contracts" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "title" text NOT NULL,
    "value" integer NOT NULL,
    "startDate" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "endDate" timestamp(3),
    "renewalReminderDate" timestamp(3),
    "customerSignedDate" timestamp(3),
    "companySignedDate" timestamp(3),
    "description" text,
    "account" uuid,
    "assigned_to" uuid,
    "createdAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "status" "crm_Contracts_Status" NOT NULL DEFAULT 'NOTSTARTED',
    "type" text,
    FOREIGN KEY ("account") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Contracts_account_idx" ON "crm_Contracts" ("account");
CREATE INDEX "crm_Contracts_assigned_to_idx" ON "crm_Contracts" ("assigned_to");
CREATE INDEX "crm_Contracts_createdBy_idx" ON "crm_Contracts" ("createdBy");
CREATE INDEX "crm_Contracts_updatedBy_idx" ON "crm_Contracts" ("updatedBy");
CREATE INDEX "crm_Contracts_status_idx" ON "crm_Contracts" ("status");
CREATE INDEX "crm_Contracts_startDate_idx" ON "crm_Contracts" ("startDate");
CREATE INDEX "crm_Contracts_endDate_idx" ON "crm_Contracts" ("endDate");
CREATE INDEX "crm_Contracts_createdAt_idx" ON "crm_Contracts" ("createdAt");
CREATE INDEX "crm_Contracts_startDate_endDate_idx" ON "crm_Contracts" ("startDate", "endDate");

CREATE TABLE "crm_Opportunities" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL DEFAULT 0,
    "account" uuid,
    "assigned_to" uuid,
    "budget" bigint NOT NULL DEFAULT 0,
    "campaign" uuid,
    "close_date" timestamp(3),
    "contact" uuid,
    "created_by" uuid,
    "createdBy" uuid,
    "created_on" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_activity" timestamp(3),
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "last_activity_by" uuid,
    "currency" text,
    "description" text,
    "expected_revenue" bigint NOT NULL DEFAULT 0,
    "name" text,
    "next_step" text,
    "sales_stage" uuid,
    "type" uuid,
    "status" "crm_Opportunity_Status" DEFAULT 'ACTIVE',
    FOREIGN KEY ("type") REFERENCES "crm_Opportunities_Type" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("sales_stage") REFERENCES "crm_Opportunities_Sales_Stages" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("created_by") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("account") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("campaign") REFERENCES "crm_campaigns" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Opportunities_account_idx" ON "crm_Opportunities" ("account");
CREATE INDEX "crm_Opportunities_assigned_to_idx" ON "crm_Opportunities" ("assigned_to");
CREATE INDEX "crm_Opportunities_campaign_idx" ON "crm_Opportunities" ("campaign");
CREATE INDEX "crm_Opportunities_contact_idx" ON "crm_Opportunities" ("contact");
CREATE INDEX "crm_Opportunities_created_by_idx" ON "crm_Opportunities" ("created_by");
CREATE INDEX "crm_Opportunities_sales_stage_idx" ON "crm_Opportunities" ("sales_stage");
CREATE INDEX "crm_Opportunities_type_idx" ON "crm_Opportunities" ("type");
CREATE INDEX "crm_Opportunities_status_idx" ON "crm_Opportunities" ("status");
CREATE INDEX "crm_Opportunities_createdAt_idx" ON "crm_Opportunities" ("createdAt");
CREATE INDEX "crm_Opportunities_close_date_idx" ON "crm_Opportunities" ("close_date");
CREATE INDEX "crm_Opportunities_status_sales_stage_idx" ON "crm_Opportunities" ("status", "sales_stage");

CREATE TABLE "Boards" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "description" text NOT NULL,
    "favourite" boolean,
    "favouritePosition" bigint,
    "icon" text,
    "position" bigint,
    "title" text NOT NULL,
    "user" uuid NOT NULL,
    "visibility" text,
    "sharedWith" uuid[],
    "createdAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "Boards_user_idx" ON "Boards" ("user");
CREATE INDEX "Boards_createdBy_idx" ON "Boards" ("createdBy");
CREATE INDEX "Boards_updatedBy_idx" ON "Boards" ("updatedBy");
CREATE INDEX "Boards_favourite_idx" ON "Boards" ("favourite");
CREATE INDEX "Boards_visibility_idx" ON "Boards" ("visibility");
CREATE INDEX "Boards_createdAt_idx" ON "Boards" ("createdAt");
CREATE INDEX "Boards_user_favourite_idx" ON "Boards" ("user", "favourite");

CREATE TABLE "Sections" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "board" uuid NOT NULL,
    "title" text NOT NULL,
    "position" bigint,
    FOREIGN KEY ("board") REFERENCES "Boards" ("id") ON DELETE RESTRICT
);
CREATE INDEX "Sections_board_idx" ON "Sections" ("board");

CREATE TABLE "Tasks" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "content" text,
    "createdAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "dueDateAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "lastEditedAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "position" bigint NOT NULL,
    "priority" text NOT NULL,
    "section" uuid,
    "tags" jsonb,
    "title" text NOT NULL,
    "likes" bigint DEFAULT 0,
    "user" uuid,
    "taskStatus" "taskStatus" DEFAULT 'ACTIVE',
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("section") REFERENCES "Sections" ("id") ON DELETE SET NULL
);
CREATE INDEX "Tasks_user_idx" ON "Tasks" ("user");
CREATE INDEX "Tasks_section_idx" ON "Tasks" ("section");
CREATE INDEX "Tasks_createdBy_idx" ON "Tasks" ("createdBy");
CREATE INDEX "Tasks_updatedBy_idx" ON "Tasks" ("updatedBy");
CREATE INDEX "Tasks_priority_idx" ON "Tasks" ("priority");
CREATE INDEX "Tasks_taskStatus_idx" ON "Tasks" ("taskStatus");
CREATE INDEX "Tasks_dueDateAt_idx" ON "Tasks" ("dueDateAt");
CREATE INDEX "Tasks_createdAt_idx" ON "Tasks" ("createdAt");
CREATE INDEX "Tasks_user_taskStatus_idx" ON "Tasks" ("user", "taskStatus");

CREATE TABLE "crm_Accounts_Tasks" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "content" text,
    "createdAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedAt" timestamp(3),
    "updatedBy" uuid,
    "dueDateAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "priority" text NOT NULL,
    "tags" jsonb,
    "title" text NOT NULL,
    "likes" bigint DEFAULT 0,
    "user" uuid,
    "taskStatus" "taskStatus" DEFAULT 'ACTIVE',
    "account" uuid,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("account") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Accounts_Tasks_user_idx" ON "crm_Accounts_Tasks" ("user");
CREATE INDEX "crm_Accounts_Tasks_account_idx" ON "crm_Accounts_Tasks" ("account");
CREATE INDEX "crm_Accounts_Tasks_createdBy_idx" ON "crm_Accounts_Tasks" ("createdBy");
CREATE INDEX "crm_Accounts_Tasks_updatedBy_idx" ON "crm_Accounts_Tasks" ("updatedBy");
CREATE INDEX "crm_Accounts_Tasks_priority_idx" ON "crm_Accounts_Tasks" ("priority");
CREATE INDEX "crm_Accounts_Tasks_taskStatus_idx" ON "crm_Accounts_Tasks" ("taskStatus");
CREATE INDEX "crm_Accounts_Tasks_dueDateAt_idx" ON "crm_Accounts_Tasks" ("dueDateAt");
CREATE INDEX "crm_Accounts_Tasks_createdAt_idx" ON "crm_Accounts_Tasks" ("createdAt");
CREATE INDEX "crm_Accounts_Tasks_account_taskStatus_idx" ON "crm_Accounts_Tasks" ("account", "taskStatus");

CREATE TABLE "tasksComments" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "comment" text NOT NULL,
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "task" uuid NOT NULL,
    "user" uuid NOT NULL,
    "assigned_crm_account_task" uuid,
    FOREIGN KEY ("assigned_crm_account_task") REFERENCES "crm_Accounts_Tasks" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "tasksComments_task_idx" ON "tasksComments" ("task");
CREATE INDEX "tasksComments_user_idx" ON "tasksComments" ("user");
CREATE INDEX "tasksComments_assigned_crm_account_task_idx" ON "tasksComments" ("assigned_crm_account_task");

CREATE TABLE "Documents" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer,
    "date_created" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "createdAt" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "last_updated" timestamp(3),
    "updatedAt" timestamp(3),
    "document_name" text NOT NULL,
    "created_by_user" uuid,
    "createdBy" uuid,
    "description" text,
    "document_type" uuid,
    "favourite" boolean,
    "document_file_mimeType" text NOT NULL,
    "document_file_url" text NOT NULL,
    "status" text,
    "visibility" text,
    "tags" jsonb,
    "key" text,
    "size" integer,
    "assigned_user" uuid,
    "connected_documents" text[],
    "document_system_type" "DocumentSystemType" DEFAULT 'OTHER',
    FOREIGN KEY ("created_by_user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("document_type") REFERENCES "Documents_Types" ("id") ON DELETE SET NULL
);
CREATE INDEX "Documents_created_by_user_idx" ON "Documents" ("created_by_user");
CREATE INDEX "Documents_assigned_user_idx" ON "Documents" ("assigned_user");
CREATE INDEX "Documents_document_type_idx" ON "Documents" ("document_type");
CREATE INDEX "Documents_createdBy_idx" ON "Documents" ("createdBy");
CREATE INDEX "Documents_status_idx" ON "Documents" ("status");
CREATE INDEX "Documents_visibility_idx" ON "Documents" ("visibility");
CREATE INDEX "Documents_favourite_idx" ON "Documents" ("favourite");
CREATE INDEX "Documents_createdAt_idx" ON "Documents" ("createdAt");
CREATE INDEX "Documents_document_system_type_idx" ON "Documents" ("document_system_type");

CREATE TABLE "Invoices" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer,
    "date_created" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_updated" timestamp(3) NOT NULL,
    "last_updated_by" uuid,
    "date_received" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
    "date_of_case" timestamp(3),
    "date_tax" timestamp(3),
    "date_due" timestamp(3),
    "description" text,
    "document_type" text,
    "favorite" boolean DEFAULT false,
    "variable_symbol" text,
    "constant_symbol" text,
    "specific_symbol" text,
    "order_number" text,
    "internal_number" text,
    "invoice_number" text,
    "invoice_amount" text,
    "invoice_file_mimeType" text NOT NULL,
    "invoice_file_url" text NOT NULL,
    "invoice_items" jsonb,
    "invoice_type" text,
    "invoice_currency" text,
    "invoice_language" text,
    "partner" text,
    "partner_street" text,
    "partner_city" text,
    "partner_zip" text,
    "partner_country" text,
    "partner_country_code" text,
    "partner_business_street" text,
    "partner_business_city" text,
    "partner_business_zip" text,
    "partner_business_country" text,
    "partner_business_country_code" text,
    "partner_VAT_number" text,
    "partner_TAX_number" text,
    "partner_TAX_local_number" text,
    "partner_phone_prefix" text,
    "partner_phone_number" text,
    "partner_fax_prefix" text,
    "partner_fax_number" text,
    "partner_email" text,
    "partner_website" text,
    "partner_is_person" boolean,
    "partner_bank" text,
    "partner_account_number" text,
    "partner_account_bank_number" text,
    "partner_IBAN" text,
    "partner_SWIFT" text,
    "partner_BIC" text,
    "rossum_status" text,
    "rossum_annotation_id" text,
    "rossum_annotation_url" text,
    "rossum_document_id" text,
    "rossum_document_url" text,
    "rossum_annotation_json_url" text,
    "rossum_annotation_xml_url" text,
    "money_s3_url" text,
    "status" text,
    "invoice_state_id" uuid,
    "assigned_user_id" uuid,
    "assigned_account_id" uuid,
    "visibility" boolean NOT NULL DEFAULT true,
    FOREIGN KEY ("invoice_state_id") REFERENCES "invoice_States" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_user_id") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_account_id") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "Invoices_invoice_state_id_idx" ON "Invoices" ("invoice_state_id");
CREATE INDEX "Invoices_assigned_user_id_idx" ON "Invoices" ("assigned_user_id");
CREATE INDEX "Invoices_assigned_account_id_idx" ON "Invoices" ("assigned_account_id");
CREATE INDEX "Invoices_last_updated_by_idx" ON "Invoices" ("last_updated_by");
CREATE INDEX "Invoices_status_idx" ON "Invoices" ("status");
CREATE INDEX "Invoices_invoice_type_idx" ON "Invoices" ("invoice_type");
CREATE INDEX "Invoices_date_created_idx" ON "Invoices" ("date_created");
CREATE INDEX "Invoices_date_due_idx" ON "Invoices" ("date_due");
CREATE INDEX "Invoices_favorite_idx" ON "Invoices" ("favorite");
CREATE INDEX "Invoices_status_date_created_idx" ON "Invoices" ("status", "date_created");

CREATE TABLE "secondBrain_notions" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "user" uuid NOT NULL,
    "notion_api_key" text NOT NULL,
    "notion_db_id" text NOT NULL,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "secondBrain_notions_user_idx" ON "secondBrain_notions" ("user");

CREATE TABLE "openAi_keys" (
    "id" uuid PRIMARY KEY NOT NULL,
    "v" integer NOT NULL,
    "user" uuid NOT NULL,
    "organization_id" text NOT NULL,
    "api_key" text NOT NULL,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "openAi_keys_user_idx" ON "openAi_keys" ("user");

CREATE TABLE "DocumentsToInvoices" (
    "document_id" uuid NOT NULL,
    "invoice_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "invoice_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("invoice_id") REFERENCES "Invoices" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToInvoices_document_id_idx" ON "DocumentsToInvoices" ("document_id");
CREATE INDEX "DocumentsToInvoices_invoice_id_idx" ON "DocumentsToInvoices" ("invoice_id");

CREATE TABLE "DocumentsToOpportunities" (
    "document_id" uuid NOT NULL,
    "opportunity_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "opportunity_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("opportunity_id") REFERENCES "crm_Opportunities" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToOpportunities_document_id_idx" ON "DocumentsToOpportunities" ("document_id");
CREATE INDEX "DocumentsToOpportunities_opportunity_id_idx" ON "DocumentsToOpportunities" ("opportunity_id");

CREATE TABLE "DocumentsToContacts" (
    "document_id" uuid NOT NULL,
    "contact_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "contact_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("contact_id") REFERENCES "crm_Contacts" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToContacts_document_id_idx" ON "DocumentsToContacts" ("document_id");
CREATE INDEX "DocumentsToContacts_contact_id_idx" ON "DocumentsToContacts" ("contact_id");

CREATE TABLE "DocumentsToTasks" (
    "document_id" uuid NOT NULL,
    "task_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "task_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("task_id") REFERENCES "Tasks" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToTasks_document_id_idx" ON "DocumentsToTasks" ("document_id");
CREATE INDEX "DocumentsToTasks_task_id_idx" ON "DocumentsToTasks" ("task_id");

CREATE TABLE "DocumentsToCrmAccountsTasks" (
    "document_id" uuid NOT NULL,
    "crm_accounts_task_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "crm_accounts_task_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("crm_accounts_task_id") REFERENCES "crm_Accounts_Tasks" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToCrmAccountsTasks_document_id_idx" ON "DocumentsToCrmAccountsTasks" ("document_id");
CREATE INDEX "DocumentsToCrmAccountsTasks_crm_accounts_task_id_idx" ON "DocumentsToCrmAccountsTasks" ("crm_accounts_task_id");

CREATE TABLE "DocumentsToLeads" (
    "document_id" uuid NOT NULL,
    "lead_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "lead_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("lead_id") REFERENCES "crm_Leads" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToLeads_document_id_idx" ON "DocumentsToLeads" ("document_id");
CREATE INDEX "DocumentsToLeads_lead_id_idx" ON "DocumentsToLeads" ("lead_id");

CREATE TABLE "DocumentsToAccounts" (
    "document_id" uuid NOT NULL,
    "account_id" uuid NOT NULL,
    PRIMARY KEY ("document_id", "account_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("account_id") REFERENCES "crm_Accounts" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToAccounts_document_id_idx" ON "DocumentsToAccounts" ("document_id");
CREATE INDEX "DocumentsToAccounts_account_id_idx" ON "DocumentsToAccounts" ("account_id");

CREATE TABLE "AccountWatchers" (
    "account_id" uuid NOT NULL,
    "user_id" uuid NOT NULL,
    PRIMARY KEY ("account_id", "user_id"),
    FOREIGN KEY ("account_id") REFERENCES "crm_Accounts" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("user_id") REFERENCES "Users" ("id") ON DELETE CASCADE
);
CREATE INDEX "AccountWatchers_account_id_idx" ON "AccountWatchers" ("account_id");
CREATE INDEX "AccountWatchers_user_id_idx" ON "AccountWatchers" ("user_id");

CREATE TABLE "BoardWatchers" (
    "board_id" uuid NOT NULL,
    "user_id" uuid NOT NULL,
    PRIMARY KEY ("board_id", "user_id"),
    FOREIGN KEY ("board_id") REFERENCES "Boards" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("user_id") REFERENCES "Users" ("id") ON DELETE CASCADE
);
CREATE INDEX "BoardWatchers_board_id_idx" ON "BoardWatchers" ("board_id");
CREATE INDEX "BoardWatchers_user_id_idx" ON "BoardWatchers" ("user_id");

CREATE TABLE "ContactsToOpportunities" (
    "contact_id" uuid NOT NULL,
    "opportunity_id" uuid NOT NULL,
    PRIMARY KEY ("contact_id", "opportunity_id"),
    FOREIGN KEY ("contact_id") REFERENCES "crm_Contacts" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("opportunity_id") REFERENCES "crm_Opportunities" ("id") ON DELETE CASCADE
);
CREATE INDEX "ContactsToOpportunities_contact_id_idx" ON "ContactsToOpportunities" ("contact_id");
CREATE INDEX "ContactsToOpportunities_opportunity_id_idx" ON "ContactsToOpportunities" ("opportunity_id");
